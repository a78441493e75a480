"""Bars, as SVG written by hand: the shortest is the best."""

from xml.sax.saxutils import escape

from . import results

WIDTH, LEFT, RIGHT, BAR, GAP = 860, 300, 90, 18, 6
OURS, THEIRS = "#1a7f5a", "#9aa3ad"


def bars(title, note, panels):
    """An SVG with a panel for each `(heading, [(label, value)])`; a panel has a scale of its own."""
    height = 64 + sum(40 + len(rows) * (BAR + GAP) for _, rows in panels) + 12
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}" '
        'font-family="system-ui, sans-serif" font-size="13">',
        f'<rect width="{WIDTH}" height="{height}" fill="#ffffff"/>',
        _text(16, 28, title, size=17, weight=600),
        _text(16, 48, note, fill="#5a6470", size=12),
    ]
    y = 64
    for heading, rows in panels:
        y += 24
        parts.append(_text(16, y, heading, weight=600))
        y += 10
        longest = max(value for _, value in rows)
        for label, value in rows:
            length = max(1, (WIDTH - LEFT - RIGHT) * value / longest)
            color = OURS if is_ours(label) else THEIRS
            middle = y + BAR - 5
            parts.append(_text(LEFT - 8, middle, label, anchor="end"))
            parts.append(f'<rect x="{LEFT}" y="{y}" width="{length:.1f}" height="{BAR}" rx="2" fill="{color}"/>')
            parts.append(_text(LEFT + length + 6, middle, results.number(value), fill="#5a6470"))
            y += BAR + GAP
        y += 6
    return "\n".join([*parts, "</svg>", ""])


def is_ours(label):
    """Whether the bar is bearward's."""
    return "bearward" in label and "Flask" not in label


def _text(x, y, text, anchor="start", fill="#1c2126", size=13, weight=400):
    return (
        f'<text x="{x:.1f}" y="{y}" text-anchor="{anchor}" fill="{fill}" font-size="{size}" '
        f'font-weight="{weight}">{escape(text)}</text>'
    )
