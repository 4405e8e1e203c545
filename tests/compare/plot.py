"""Draws line plots as self-contained SVG files, readable on light and dark pages."""

import math
from html import escape

WIDTH, HEIGHT = 720, 360
LEFT, RIGHT, TOP, BOTTOM = 64, 16, 44, 52

STYLE = """
  text { font: 13px system-ui, sans-serif; fill: #24292f }
  .title { font-weight: 600; font-size: 15px }
  .grid { stroke: #d0d7de; stroke-width: 1 }
  .s0 { stroke: #0969da; fill: #0969da } .s1 { stroke: #8250df; fill: #8250df }
  .s2 { stroke: #bc4c00; fill: #bc4c00 } .s3 { stroke: #1a7f37; fill: #1a7f37 }
  polyline, line.spread { fill: none; stroke-width: 2 }
  text.s0, text.s1, text.s2, text.s3 { stroke: none }
  @media (prefers-color-scheme: dark) {
    text { fill: #d1d7e0 } .grid { stroke: #3d444d }
    .s0 { stroke: #4493f8; fill: #4493f8 } .s1 { stroke: #ab7df8; fill: #ab7df8 }
    .s2 { stroke: #db6d28; fill: #db6d28 } .s3 { stroke: #3fb950; fill: #3fb950 }
  }
"""


def nice_step(top, lines=5):
    """Returns a step of 1, 2 or 5 times a power of ten that gives about `lines` lines."""
    raw = top / lines
    power = 10 ** math.floor(math.log10(raw))
    return next(step * power for step in (1, 2, 5, 10) if step * power >= raw)


class Axes:
    """Maps values to positions: x logarithmic, y from zero."""

    def __init__(self, points):
        xs = [x for x, *_ in points]
        self.low, self.high = math.log10(min(xs)), math.log10(max(xs))
        top = max(most for *_, most in points) * 1.1
        self.step = nice_step(top)
        self.top = math.ceil(top / self.step) * self.step

    def x(self, value):
        share = (math.log10(value) - self.low) / ((self.high - self.low) or 1)
        return LEFT + share * (WIDTH - LEFT - RIGHT)

    def y(self, value):
        return HEIGHT - BOTTOM - value / self.top * (HEIGHT - TOP - BOTTOM)


def grid(axes, ticks, x_label, y_label):
    parts = []
    for line in range(round(axes.top / axes.step) + 1):
        value = line * axes.step
        y = axes.y(value)
        parts.append(f'<line class="grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>')
        parts.append(f'<text x="{LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{value:,.4g}</text>')
    for tick in ticks:
        x = axes.x(tick)
        anchor = "end" if x > WIDTH - 60 else "middle"
        parts.append(f'<text x="{x:.1f}" y="{HEIGHT - BOTTOM + 20}" text-anchor="{anchor}">{tick:,}</text>')
    middle = (LEFT + WIDTH - RIGHT) / 2
    parts.append(f'<text x="{middle}" y="{HEIGHT - 12}" text-anchor="middle">{escape(x_label)}</text>')
    parts.append(f'<text x="{LEFT}" y="{TOP - 8}" text-anchor="start">{escape(y_label)}</text>')
    return parts


def one_series(axes, number, points):
    line = " ".join(f"{axes.x(x):.1f},{axes.y(middle):.1f}" for x, middle, _, _ in points)
    parts = [f'<polyline class="s{number}" style="fill:none" points="{line}"/>']
    for x, middle, least, most in points:
        place = f"{axes.x(x):.1f}"
        parts.append(
            f'<line class="spread s{number}" x1="{place}" x2="{place}" y1="{axes.y(least):.1f}" y2="{axes.y(most):.1f}"/>'
        )
        parts.append(f'<circle class="s{number}" cx="{place}" cy="{axes.y(middle):.1f}" r="3.5"/>')
    return parts


def lines(title, x_label, y_label, series):
    """`series`: name → [(x, median, least, most)]."""
    axes = Axes([point for points in series.values() for point in points])
    ticks = sorted({x for points in series.values() for x, *_ in points})
    parts = grid(axes, ticks, x_label, y_label)
    for number, (name, points) in enumerate(series.items()):
        parts += one_series(axes, number, points)
        x = WIDTH - RIGHT - 150 * (len(series) - 1 - number)
        parts.append(f'<text class="s{number}" x="{x}" y="{TOP - 8}" text-anchor="end">● {escape(name)}</text>')
    body = "\n".join(parts)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(title)}">\n'
        f"<title>{escape(title)}</title>\n<style>{STYLE}</style>\n"
        f'<text class="title" x="{LEFT}" y="18">{escape(title)}</text>\n{body}\n</svg>\n'
    )
