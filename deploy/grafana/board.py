"""What the three dashboards have in common."""

from grafana_foundation_sdk.builders import dashboard as d
from grafana_foundation_sdk.models import dashboard

from panels import SOURCE

ALL = dashboard.VariableOption(selected=True, text="All", value="$__all")


def _chosen(name: str, label: str, query: str, description: str) -> d.QueryVariable:
    """A choice among the values of a label; all of them at first."""
    return (
        d.QueryVariable(name)
        .label(label)
        .description(description)
        .datasource(SOURCE)
        .query({"qryType": 1, "query": query, "refId": "PrometheusVariableQueryEditor-VariableQuery"})
        .refresh(dashboard.VariableRefresh.ON_TIME_RANGE_CHANGED)
        .sort(dashboard.VariableSort.ALPHABETICAL_ASC)
        .multi(True)
        .include_all(True)
        .all_value(".*")
        .current(ALL)
    )


def board(uid: str, title: str, description: str, since: str, rows: dict[str, list], keys: bool) -> dashboard.Dashboard:
    """A dashboard of rows of panels; with keys it can be narrowed to some of them."""
    b = (
        d.Dashboard(title)
        .uid(uid)
        .description(description)
        .tags(["jwtguard"])
        .time(since, "now")
        .timezone("utc")  # as the guard's page, log and commands have it
        .refresh("30s")
        .tooltip(dashboard.DashboardCursorSync.CROSSHAIR)
        .editable()
        .link(d.DashboardLink("jwtguard").type(dashboard.DashboardLinkType.DASHBOARDS).tags(["jwtguard"]).include_vars(True).keep_time(True))
        .with_variable(d.DatasourceVariable("datasource").label("Data source").type("prometheus"))
        .with_variable(_chosen("guard", "Guard", "label_values(jwtguard_build_info, instance)", "The guards, by the address at which they are scraped."))
        .with_variable(_chosen("issuer", "Issuer", "label_values(jwtguard_jwks_refreshes_total, issuer)", "Issuers, by their names in the configuration."))
    )
    if keys:
        b = b.with_variable(_chosen("kid", "Key", 'label_values(jwtguard_key_info{issuer=~"$issuer"}, kid)', "Keys, by the kid under which the guard first knew them."))
    number = 0
    for name, panels in rows.items():
        number += 1
        b = b.with_row(d.Row(name).id(number))
        for panel in panels:
            number += 1
            b = b.with_panel(panel.id(number))
    return b.build()
