"""What a change costs once, what it saves with each request, and when it has paid for itself: sliders and a picture.

Does not: know what is true of your case. Every number is an input; what it begins with was measured or is said to be
a guess by the notebook that shows it.
"""
from __future__ import annotations

import base64
import io
from dataclasses import replace
from html import escape
from math import isinf

import ipywidgets as widgets
import matplotlib.pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from helpers import cost, figures
from helpers.labs import page
from helpers.labs.payback import VOLUMES, Payback

MOST_TOKENS, MOST_DOLLARS = 1_000_000, 1_000.0


def cost_lab(plan: Payback) -> None:
    """Show the lab; it begins with this plan. Example: cost_lab(Payback(1e6, (9, 30), (40, 99), (289, 73), (1, 3)))"""
    lab = CostLab(plan)
    page.show(lab.widget, lab.html(), lab.text())


class CostLab:
    """The sliders and fields, and what follows from them: every change is reckoned at once."""

    def __init__(self, plan: Payback):
        self.begun = self.plan = plan
        self.fields = _fields()
        self.again = page.button("As it began", "Put every field back")
        self.again.on_click(lambda _: self.fill(self.begun))
        self.message, self.picture = page.Message(), widgets.HTML()
        self.fill(plan)
        for field in self.fields.values():
            field.observe(lambda _: self.take(), "value")
        grid = widgets.GridBox(list(self.fields.values()), layout=widgets.Layout(
            width="100%", grid_template_columns="repeat(auto-fit, minmax(min(26em, 100%), 1fr))", grid_gap=".2em 1em"))
        self.widget = widgets.VBox([grid, page.row(self.again), self.message.widget, self.picture], layout=page.WIDE)

    def fill(self, plan: Payback) -> None:
        """Put a plan into the fields."""
        self._filling = True
        values = vars(plan) | {"tokens": plan.tokens[0], "tokens changed": plan.tokens[1],
                               "price": plan.price[0], "price changed": plan.price[1]}
        for name, field in self.fields.items():
            field.value = values[name]
        self._filling = False
        self.take()

    def take(self) -> None:
        """Take what the fields say, and show what follows."""
        if self._filling:
            return
        said = {name: field.value for name, field in self.fields.items()}
        self.plan = replace(
            self.plan, tokens=(said.pop("tokens"), said.pop("tokens changed")),
            price=(said.pop("price"), said.pop("price changed")), **said)
        self.message.say(str(self.plan))
        self.picture.value = picture(self.plan)

    def html(self) -> str:
        """Return what a page without widgets shows: the numbers it begins with, and what follows."""
        rows = [[escape(field.description), escape(_shown(field.value))] for field in self.fields.values()]
        return f"{page.table(['input', 'begins with'], rows)}<p>{escape(str(self.plan))}</p>{self.picture.value}"

    def text(self) -> str:
        """Return the same as plain text."""
        given = [f"{field.description}: {_shown(field.value)}" for field in self.fields.values()]
        return "\n".join([*given, str(self.plan)])


def _fields() -> dict[str, widgets.Widget]:
    log, span, text = widgets.FloatLogSlider, widgets.FloatRangeSlider, widgets.BoundedFloatText
    late = {"continuous_update": False}     # reckon when a slider is let go, not on its way
    made = {
        "requests": log(min=3, max=9, step=0.1, readout_format=",.0f", description="requests a year", **late),
        "hours": span(min=0, max=200, step=1, readout_format=".0f", description="hours of people, once", **late),
        "wage": span(min=0, max=300, step=5, readout_format=".0f", description="dollars an hour", **late),
        "tokens": widgets.BoundedIntText(max=MOST_TOKENS, description="tokens of a prompt, as it is"),
        "tokens changed": widgets.BoundedIntText(max=MOST_TOKENS, description="tokens of a prompt, changed"),
        "price": text(max=MOST_DOLLARS, step=0.05, description="dollars a million tokens, as it is"),
        "price changed": text(max=MOST_DOLLARS, step=0.05, description="dollars a million tokens, changed"),
        "points": widgets.FloatSlider(min=-20, max=60, step=0.5, readout_format=".1f",
                                      description="points more right", **late),
        "per_error": span(min=0, max=20, step=0.1, readout_format=".1f",
                          description="dollars a wrong answer costs", **late)}
    flows = {name: "row nowrap" if hasattr(field, "readout") else "row wrap" for name, field in made.items()}
    return {name: page.labelled(field, width="100%", flex_flow=flows[name]) for name, field in made.items()}


def _shown(value: float | tuple[float, float]) -> str:
    """Example: _shown((15.0, 60.0)) -> "15 to 60" """
    return " to ".join(map(_shown, value)) if isinstance(value, tuple) else f"{value:,.10g}"


# ---------------------------------------------------------------- the picture

def picture(plan: Payback) -> str:
    """Return both bills against the number of requests, as HTML that says in words what it shows."""
    with plt.style.context(figures.STYLE):
        drawn = Figure(figsize=(6.5, 3.2), layout="none")
        _draw(drawn.add_axes((0.15, 0.16, 0.8, 0.74)), plan)       # a place of its own: a layout would draw it twice
        file = io.BytesIO()
        drawn.savefig(file, format="png", dpi=144, pil_kwargs={"compress_level": 1})
    shown = base64.b64encode(file.getvalue()).decode()
    return f'<img width="624" style="max-width:100%" alt="{escape(_told(plan))}" src="data:image/png;base64,{shown}">'


def _draw(ax: Axes, plan: Payback) -> None:
    drawn = zip(plan.bills(), ("as it is", "changed"), (figures.BLUE, figures.VERMILLION), ("o-", "D-"), strict=True)
    for band, name, colour, mark in drawn:
        ax.fill_between(band.index, band.low, band.high, color=colour, alpha=0.2, linewidth=0)
        ax.plot(band.index, band.mid, mark, color=colour, markevery=8, label=name)
    ax.axvline(plan.requests, color=figures.GREY, linestyle="--", label="a year's requests")
    ax.set(xscale="log", yscale="log", xlim=(VOLUMES[0], VOLUMES[-1]), ylim=(10, 1e9))
    for marks, axis in (((100, 10_000, 1e6, 1e8, 1e10), ax.xaxis), ((10, 1_000, 1e5, 1e7, 1e9), ax.yaxis)):
        axis.set_ticks(marks, [cost.rough(mark) for mark in marks])
    ax.minorticks_off()
    ax.legend(loc="upper left")
    figures.finish(ax, title=_title(plan), xlabel="requests", ylabel="dollars in all")


def _title(plan: Payback) -> str:
    after = plan.after.mid
    return "The money never comes back" if isinf(after) else f"The money is back after {cost.rough(after)} requests"


def _told(plan: Payback) -> str:
    now, then = (band.mid.iloc[abs(VOLUMES - plan.requests).argmin()] for band in plan.bills())
    return (f"Two curves of dollars in all against requests. In a year of {plan.requests:,.0f} requests about "
            f"${cost.rough(now)} as it is and ${cost.rough(then)} changed. {_title(plan)}.")
