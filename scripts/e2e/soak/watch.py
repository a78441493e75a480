"""What the gateway takes while it runs: memory, descriptors, threads, lines of its log."""

import pathlib
import re
import threading
import time

MIB = 1024 * 1024
# Seconds between two samples.
EVERY = 5
# Lines that are not about admitted requests, each second: 100 refusals at most, and what is told of keys and reloads.
LINES = 150


class Watch(threading.Thread):
    def __init__(self, run, gateway):
        super().__init__(daemon=True)
        self.run_of_checks = run
        self._process = pathlib.Path(f"/proc/{gateway.program.id}")
        self._log = gateway.log
        self._stopped = threading.Event()
        self.began = time.monotonic()
        # Seconds, bytes of memory, descriptors, threads.
        self.samples = [self.sample()]
        self.lines = 0
        self.lines_of_refusals = 0
        self.most_lines = 0
        self._read_at = self.began
        self.mistakes = {"panics": 0, "tokens": 0, "errors": []}

    def run(self):
        minute = 0
        while not self._stopped.wait(EVERY):
            self.samples.append(self.sample())
            self.read_log()
            seconds = self.samples[-1][0]
            if seconds // 60 > minute:
                minute = int(seconds // 60)
                print(self.line())

    def stop(self):
        self._stopped.set()
        self.join()
        self.samples.append(self.sample())
        self.read_log()

    def sample(self):
        status = (self._process / "status").read_text()
        memory = int(re.search(r"VmRSS:\s*(\d+) kB", status)[1]) * 1024
        threads = int(re.search(r"Threads:\s*(\d+)", status)[1])
        descriptors = sum(1 for _ in (self._process / "fd").iterdir())
        return time.monotonic() - self.began, memory, descriptors, threads

    def line(self):
        seconds, memory, descriptors, threads = self.samples[-1]
        return (
            f"fact  minute {seconds / 60:.1f}: {memory / MIB:.1f} MiB, {descriptors} descriptors, {threads} threads, "
            f"{self.lines} lines logged"
        )

    def read_log(self):
        """Counts its lines and empties it: a line for each admitted request would fill the disk."""
        now = time.monotonic()
        with self._log.open("r+b") as log:
            text = log.read()
            log.truncate(0)
        lines = text.count(b"\n")
        # The text of a refusal names its reason; `cut` connections have one as well.
        others = lines - text.count(b'reason="admitted"')
        self.lines += lines
        self.lines_of_refusals += others
        self.most_lines = max(self.most_lines, others / max(now - self._read_at, 1))
        self._read_at = now
        self.mistakes["panics"] += text.count(b"panicked")
        # A configuration with a mistake is told as an error, which it is.
        errors = [line for line in re.findall(r"^\S+ +ERROR .*$", text.decode(errors="replace"), re.M)]
        self.mistakes["errors"] += [line for line in errors if "configuration" not in line][:5]
        self.mistakes["tokens"] += text.count(b"eyJ")

    def slope(self):
        """MiB an hour by least squares over the second half."""
        half = self.samples[len(self.samples) // 2:]
        times = [seconds / 3600 for seconds, *_ in half]
        sizes = [memory / MIB for _, memory, *_ in half]
        middle, level = sum(times) / len(times), sum(sizes) / len(sizes)
        spread = sum((time - middle) ** 2 for time in times)
        return sum((time - middle) * (size - level) for time, size in zip(times, sizes)) / spread

    def mean(self, column, begin, end):
        """Of a column, between two fractions of the run."""
        last = self.samples[-1][0]
        values = [sample[column] for sample in self.samples if begin <= sample[0] / last <= end]
        return sum(values) / len(values)
