"""Small random problems, and every plan of them looked at in fractions."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest


@pytest.fixture(scope="session")
def instances() -> ModuleType:
    return load_sibling("instances")


def load_sibling(name: str) -> ModuleType:
    key = f"solve_{name}"
    if key not in sys.modules:
        spec = importlib.util.spec_from_file_location(key, Path(__file__).with_name(f"{name}.py"))
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        sys.modules[key] = module
        spec.loader.exec_module(module)
    return sys.modules[key]


# Tests draw from it in decorators, before any fixture is there: `import solve_small`.
load_sibling("small")
load_sibling("large")
