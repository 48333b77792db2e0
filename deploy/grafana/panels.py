"""The kinds of panels that the dashboards are made of, all with the same looks.

Each panel says in its description what it shows, what is good, and what to do
otherwise.
"""

from dataclasses import dataclass

from grafana_foundation_sdk.builders import common as c
from grafana_foundation_sdk.builders import dashboard as d
from grafana_foundation_sdk.builders import prometheus, stat, statetimeline, table, timeseries
from grafana_foundation_sdk.models import common, dashboard
from grafana_foundation_sdk.models.prometheus import PromQueryFormat

RUNBOOK = "https://github.com/jwtguard/jwtguard/blob/main/docs/runbook.md"

# The data source is the dashboard's variable: none is named here.
SOURCE = dashboard.DataSourceRef(type_val="prometheus", uid="${datasource}")

THIRD, HALF, WHOLE = 8, 12, 24  # of the grid's columns

RED, YELLOW, GREEN, BLUE, GREY = "red", "yellow", "green", "blue", "#8e8e8e"


@dataclass
class Advice:
    """What a panel shows, what is good, and what to do otherwise.

    alerts are those of deploy/prometheus/rules.yaml whose sections of the runbook go on
    from there; nothing is what stands in place of the panel if there are no rows.
    """

    shows: str
    good: str
    otherwise: str
    alerts: tuple[str, ...] = ()
    nothing: str = ""

    def __str__(self) -> str:
        text = f"{self.shows}\n\n**Good:** {self.good}\n\n**Otherwise:** {self.otherwise}"
        if self.alerts:
            text += "\n\nRunbook: " + ", ".join(f"[{a}]({RUNBOOK}#{a.lower()})" for a in self.alerts)
        return text


@dataclass
class Query:
    """An expression, and the name of each of its rows."""

    expr: str
    legend: str = ""
    exemplars: bool = False


def _made(panel, kind: PromQueryFormat, title: str, advice: Advice, queries: list[Query], unit: str, width: int, height: int):
    """What all panels have."""
    panel = panel.title(title).description(str(advice)).datasource(SOURCE).unit(unit).span(width).height(height)
    if advice.nothing:
        panel = panel.no_value(advice.nothing)
    for ref, q in zip("ABCDEFGHIJKL", queries, strict=False):
        target = prometheus.Dataquery().ref_id(ref).expr(q.expr).datasource(SOURCE).legend_format(q.legend).format(kind)
        if isinstance(panel, (stat.Panel, table.Panel)):
            target = target.instant()
        else:
            target = target.range().exemplar(q.exemplars)
        panel = panel.with_target(target)
    return panel


def over_time(title: str, advice: Advice, *queries: Query, unit: str, width: int = HALF, height: int = 8, stacked: bool = False, bars: bool = False):
    """A line, or a layer, for each row."""
    panel = _made(timeseries.Panel(), PromQueryFormat.TIME_SERIES, title, advice, list(queries), unit, width, height)
    legend = c.VizLegendOptions().display_mode(common.LegendDisplayMode.TABLE).placement(common.LegendPlacement.BOTTOM)
    panel = (
        panel.legend(legend.show_legend(True).calcs(["lastNotNull", "max"]).sort_by("Last *").sort_desc(True))
        .tooltip(c.VizTooltipOptions().mode(common.TooltipDisplayMode.MULTI).sort(common.SortOrder.DESCENDING))
        .color_scheme(d.FieldColor().mode(dashboard.FieldColorModeId.PALETTE_CLASSIC_BY_NAME))
        .fill_opacity(40 if stacked or bars else 5)
        .show_points(common.VisibilityMode.NEVER)
        .axis_soft_min(0)
    )
    if bars:
        panel = panel.draw_style(common.GraphDrawStyle.BARS)
    if stacked or bars:
        panel = panel.stacking(c.StackingConfig().mode(common.StackingMode.NORMAL).group("A"))
    return panel


def timeline(title: str, advice: Advice, query: Query, mappings: list, width: int = HALF, height: int = 8):
    """A bar for each row, in the colour of its value."""
    panel = _made(statetimeline.Panel(), PromQueryFormat.TIME_SERIES, title, advice, [query], "none", width, height)
    return (
        panel.mappings(mappings)
        .show_value(common.VisibilityMode.AUTO)
        .merge_values(True)
        .legend(c.VizLegendOptions().show_legend(True).display_mode(common.LegendDisplayMode.LIST).placement(common.LegendPlacement.BOTTOM).calcs([]))
        .tooltip(c.VizTooltipOptions().mode(common.TooltipDisplayMode.SINGLE).sort(common.SortOrder.NONE))
    )


def number(title: str, advice: Advice, *queries: Query, unit: str, width: int, height: int = 5, bad_from: float | None = None, colors: dict[str, str] | None = None):
    """One figure for each row, as it is at the end of the time range: red from bad_from on."""
    panel = _made(stat.Panel(), PromQueryFormat.TIME_SERIES, title, advice, list(queries), unit, width, height)
    steps = [dashboard.Threshold(color=GREEN)]
    if bad_from is not None:
        steps.append(dashboard.Threshold(value=bad_from, color=RED))
    panel = (
        panel.thresholds(d.ThresholdsConfig().mode(dashboard.ThresholdsMode.ABSOLUTE).steps(steps))
        .color_scheme(d.FieldColor().mode(dashboard.FieldColorModeId.THRESHOLDS))
        .reduce_options(c.ReduceDataOptions().calcs(["lastNotNull"]).values(False))
        .graph_mode(common.BigValueGraphMode.NONE)
        .text_mode(common.BigValueTextMode.AUTO)
    )
    return colored(panel, colors or {})


def listing(title: str, advice: Advice, columns: dict[str, Query], looks: dict[str, dict], sort_by: str, hidden: tuple[str, ...] = (), height: int = 8, width: int = WHOLE):
    """A row for each set of labels, a column for each label and each query, by its name.

    looks are what is special about a column; a label in hidden is no column.
    """
    panel = _made(table.Panel(), PromQueryFormat.TABLE, title, advice, list(columns.values()), "none", width, height)
    refs = dict(zip("ABCDEFGHIJKL", columns, strict=False))
    # One query alone has no letter behind its value.
    renamed = {"Value": next(iter(columns))} if len(columns) == 1 else {f"Value #{ref}": name for ref, name in refs.items()}
    panel = panel.with_transformation(dashboard.DataTransformerConfig(id_val="merge", options={})).with_transformation(
        dashboard.DataTransformerConfig(
            id_val="organize",
            options={"excludeByName": {"Time": True, **{name: True for name in hidden}}, "indexByName": {}, "renameByName": renamed},
        )
    )
    for name, look in looks.items():
        panel = panel.override_by_name(name, [dashboard.DynamicConfigValue(id_val=i, value=v) for i, v in look.items()])
    return panel.sort_by([c.TableSortByFieldState().display_name(sort_by).desc(False)]).show_header(True)


def colored(panel, colors: dict[str, str]):
    """Gives the rows whose names end in a word their colour."""
    for word, color in colors.items():
        fixed = dashboard.DynamicConfigValue(id_val="color", value={"mode": "fixed", "fixedColor": color})
        panel = panel.override_by_regexp(f"/(^| ){word}$/", [fixed])
    return panel


def words(*texts: tuple[str, str], first: int = 0) -> list[dashboard.ValueMap]:
    """Shows the values first, first + 1 and so on as texts in colours."""
    options = {str(n): dashboard.ValueMappingResult(text=t, color=color, index=n - first) for n, (t, color) in enumerate(texts, first)}
    return [dashboard.ValueMap(options=options)]
