# What the end-to-end tests need in addition to Rust and Python, in the ways a developer's machine and CI have. To be
# sourced.

# Debian keeps daemons where only root looks.
PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin

root() {
  if [[ $EUID == 0 ]]; then "$@"; else sudo -n "$@"; fi
}

# Installs these packages, whose services must not start: only a test's own processes are to run.
install_packages() {
  command -v apt-get >/dev/null && root true || return
  # Somebody else may be installing something.
  local wait=(-o DPkg::Lock::Timeout=120)
  root apt-get "${wait[@]}" update || return
  local masked=()
  if [[ -d /run/systemd/system ]]; then
    local package
    for package in "$@"; do masked+=("$package.service"); done
    root systemctl mask --runtime "${masked[@]}" || return
  fi
  # Without systemd, a run level in which no daemon starts.
  root env RUNLEVEL=1 DEBIAN_FRONTEND=noninteractive \
    apt-get "${wait[@]}" install -y --no-install-recommends "$@"
  local status=$?
  [[ ${#masked[@]} == 0 ]] || root systemctl unmask --runtime "${masked[@]}"
  return "$status"
}

# install_programs LOG PROGRAM=PACKAGE...: installs the packages of the programs that are missing. What failed is
# found by looking for the programs.
install_programs() {
  local log=$1 pair missing=()
  shift
  for pair in "$@"; do
    command -v "${pair%%=*}" >/dev/null || missing+=("${pair#*=}")
  done
  [[ ${#missing[@]} -gt 0 ]] || return 0
  echo "${0##*/}: installing ${missing[*]}"
  install_packages "${missing[@]}" >"$log" 2>&1 || tail -n 20 "$log" >&2
}

# install_python FOLDER REQUIREMENTS: a virtual environment with exactly these packages.
install_python() {
  local venv=$1 requirements=$2
  cmp --silent "$requirements" "$venv/installed.txt" && return
  echo "${0##*/}: installing $(grep -v '^#' "$requirements" | tr '\n' ' ')"
  {
    python3 -m venv --clear "$venv" && "$venv/bin/python" -m pip install --requirement "$requirements" &&
      cp "$requirements" "$venv/installed.txt"
  } >"$venv.log" 2>&1 || {
    tail -n 20 "$venv.log" >&2
    return 1
  }
}

# build_program: builds the program as `cargo build --release` does below $target, and names it in `program`.
build_program() {
  cargo build --locked --release --package bearward-cli
  program=$target/release/bearward
}

# skip_all REASON: ends the script without anything checked.
skip_all() {
  echo "${0##*/}: nothing was checked, all of it was skipped: $1" >&2
  [[ ${BEARWARD_E2E_OPTIONAL:-} == 1 ]] && exit 0
  echo "${0##*/}: this counts as a failure; with BEARWARD_E2E_OPTIONAL=1 it would not" >&2
  exit 1
}
