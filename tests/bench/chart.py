"""A bar chart of rows, as SVG."""

from html import escape

WIDTH, BAR, GAP, LABEL, TOP = 640, 18, 10, 230, 34
STYLE = """
text { font: 13px system-ui, sans-serif; fill: #1f2328 }
.title { font-weight: 600 }
rect { fill: #8c959f }
.ours { fill: #1a7f37 }
@media (prefers-color-scheme: dark) {
  text { fill: #e6edf3 }
  rect { fill: #6e7681 }
  .ours { fill: #3fb950 }
}
"""


def bars(title, values, ours, unit):
    """Return a chart of {name: value}; the bar of `ours` stands out."""
    scale = (WIDTH - LABEL - 90) / max(values.values())
    height = TOP + len(values) * (BAR + GAP)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}"'
        f' role="img" aria-label="{escape(title)}">',
        f"<style>{STYLE}</style>",
        f'<text class="title" x="0" y="16">{escape(title)}</text>',
    ]
    for n, (name, value) in enumerate(values.items()):
        y, length = TOP + n * (BAR + GAP), max(value * scale, 1)
        parts += [
            f'<text x="0" y="{y + 14}">{escape(name)}</text>',
            f'<rect class="{"ours" if name == ours else ""}" x="{LABEL}" y="{y}"'
            f' width="{length:.0f}" height="{BAR}"/>',
            f'<text x="{LABEL + length + 6:.0f}" y="{y + 14}">{value:,.0f} {unit}</text>',
        ]
    return "\n".join([*parts, "</svg>", ""])
