"""No module imports, by whatever detour, a module that imports it; for type checking neither."""

from graphlib import CycleError, TopologicalSorter

import grimp
import pytest


def test_no_import_circle() -> None:
    graph = grimp.build_graph("analysis", cache_dir=None)
    modules = {name for name in graph.modules if f"{name}.".startswith("analysis.")}
    imports = {name: graph.find_modules_directly_imported_by(name) & modules for name in modules}
    try:
        TopologicalSorter(imports).prepare()
    except CycleError as error:
        pytest.fail(" imports ".join(reversed(error.args[1])))
