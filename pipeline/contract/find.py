"""Find the schema that a contract's spec names: `path.py:NAME`, `package.module:NAME`, or a YAML file.

A contract is code: whoever may choose it may run anything. What it raises here is told with its line.
"""

from __future__ import annotations

import copy
import difflib
import functools
import importlib
import importlib.util
import os
import sys
import traceback
from collections.abc import Iterator, Mapping
from importlib.machinery import SourceFileLoader
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Any

from pandera.pandas import Check, DataFrameModel, DataFrameSchema

import pipeline.checks  # noqa: F401 - registers the checks that a contract may use
from pipeline.errors import ConfigError
from pipeline.formats.phonepatterns import require_region

_OF_FILES = "_contract_"  # how the names of modules begin that are contract files
FORMS = "write it as path.py:NAME, package.module:NAME or path.yaml"


def find_schema(spec: str, base: Path, text: bytes | None = None) -> tuple[DataFrameSchema, str]:
    """The schema and the file it is from; paths are relative to `base`. Raises ConfigError with both.

    `text` is what the file says where this machine does not have it.
    """
    if spec.endswith((".yaml", ".yml")):
        path = base / spec if text is not None else _file(spec, base)
        return _from_yaml(path, text), str(path)
    place, _, name = spec.rpartition(":")
    if not place or not name:
        raise ConfigError(f"the contract {spec!r} names no schema", hint=FORMS)
    if text is not None:
        module = _run(base / place, text)
    elif place.endswith(".py"):
        path = _file(place, base)
        module = _run(path)
    else:
        module = _import(place)
    return _schema(module, name), str(module.__file__)


def dialled_in(schema: DataFrameSchema, region: str | None) -> DataFrameSchema:
    """The schema, its checks of phone numbers that name no region given this one.

    Raises ConfigError for a region that phone numbers do not have.
    """
    if region is None:
        return schema
    try:
        require_region(region)
    except ValueError as error:
        raise ConfigError(
            f"contract.region: {error}", hint="write the code of the country, such as DE"
        ) from None
    schema = copy.deepcopy(schema)
    for column in schema.columns.values():
        column.checks = [_dialled_in(check, region) for check in column.checks]
    return schema


def _dialled_in(check: Any, region: str) -> Any:
    if check.name not in ("phone", "no_missing_country_code") or check.statistics.get("region"):
        return check
    changed = copy.copy(check)
    changed._check_fn = functools.partial(check._check_fn, region=region)
    changed.statistics = {**check.statistics, "region": region}
    return changed


def _file(name: str, base: Path) -> Path:
    path = (base / os.path.expanduser(name)).resolve()  # noqa: PTH111 - pathlib's raises for no such user
    if not path.is_file():
        raise ConfigError(f"there is no contract file {path}", hint=f"{FORMS}, paths relative to {base}")
    return path


class _Carried(SourceFileLoader):
    """The loader of a file that is on another machine, by its text."""

    def __init__(self, name: str, path: Path, text: bytes) -> None:
        super().__init__(name, str(path))
        self._text = text

    def get_data(self, path: str) -> bytes:  # noqa: ARG002 - the loader's own form
        """What the file says."""
        return self._text

    def path_stats(self, path: str) -> Mapping[str, Any]:
        """Raise OSError: a compiled file would be another's."""
        raise OSError(path)


def _run(path: Path, text: bytes | None = None) -> ModuleType:
    """The module that the file makes, run afresh; in `sys.modules`, where models look for annotations."""
    name = f"{_OF_FILES}{abs(hash(path))}_{path.stem}"
    loader = None if text is None else _Carried(name, path, text)
    spec = importlib.util.spec_from_file_location(name, path, loader=loader)
    if spec is None or spec.loader is None:
        raise ConfigError(f"the contract file {path} is no Python file", hint=FORMS)
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    _forget_checks(_OF_FILES)
    try:
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as fault:
        del sys.modules[name]
        if text is not None and isinstance(fault, ModuleNotFoundError):
            raise _not_alone(fault, path) from None
        raise _broken(fault, path) from fault
    return module


def _not_alone(missing: ModuleNotFoundError, path: Path) -> ConfigError:
    return ConfigError(
        f"the contract {path.name} imports {missing.name}, which a worker of the cluster does not have",
        hint="only the contract's own file travels: put all of it into that file, or install "
        f"{missing.name} on the workers",
    )


def _forget_checks(prefix: str) -> None:
    """Take back the checks that such modules have registered: they are run again, and register them again.

    pandera takes a name once, and would say so instead of what is wrong with the file.
    """
    for name, method in [*Check.REGISTERED_CUSTOM_CHECKS.items()]:
        if any(module.startswith(prefix) for module in _modules_behind(method)):
            del Check.REGISTERED_CUSTOM_CHECKS[name]


def _modules_behind(function: Any) -> Iterator[str]:
    """The modules of a function and of those that it wraps or closes over."""
    if isinstance(function, functools.partial):
        yield from _modules_behind(function.func)
    elif isinstance(function, FunctionType):
        yield function.__module__
        for cell in function.__closure__ or ():
            yield from _modules_behind(cell.cell_contents)


def _import(name: str) -> ModuleType:
    if name not in sys.modules:
        _forget_checks(name)
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as missing:
        if missing.name is None or not f"{name}.".startswith(f"{missing.name}."):
            raise _broken(missing, _origin(name)) from missing
        raise ConfigError(
            f"there is no module {missing.name}, which the contract {name} is in",
            hint="install it or put its folder on PYTHONPATH, or name the file: path.py:NAME",
        ) from None
    except (Exception, SystemExit) as fault:
        raise _broken(fault, _origin(name)) from fault


def _origin(module: str) -> Path:
    spec = importlib.util.find_spec(module)
    return Path(spec.origin if spec and spec.origin else module)


def _broken(fault: BaseException, path: Path) -> ConfigError:
    """What a contract file raised when it was run, with the last of its own lines that was run."""
    lines: list[int | None] = [
        frame.lineno for frame in traceback.extract_tb(fault.__traceback__) if frame.filename == str(path)
    ]
    if isinstance(fault, SyntaxError) and fault.filename == str(path):
        lines, text = [fault.lineno], fault.msg
    else:
        text = next(iter(str(fault).splitlines()), "")
    where = f", line {lines[-1]}" if lines else ""
    return ConfigError(
        f"the contract file {path}{where} does not run: {type(fault).__name__}: {text}",
        hint="run the file with python to see the whole of it",
    )


def _schema(module: ModuleType, name: str) -> DataFrameSchema:
    found: Any = getattr(module, name, None)
    if isinstance(found, DataFrameSchema):
        return found
    if isinstance(found, type) and issubclass(found, DataFrameModel):
        try:
            return found.to_schema()
        except Exception as fault:
            raise _broken(fault, Path(str(module.__file__))) from fault
    known = [key for key, value in vars(module).items() if _is_schema(value)]
    if not hasattr(module, name):
        near = difflib.get_close_matches(name, known, n=1) or known[:1]
        raise ConfigError(
            f"{module.__file__} has no {name}",
            hint=f"did you mean {near[0]}?"
            if near
            else "give it a pandera DataFrameSchema or DataFrameModel",
        )
    if type(found).__module__.startswith("pandera.") or any(
        base.__module__.startswith("pandera.") for base in getattr(found, "__mro__", ())
    ):
        kind = (found if isinstance(found, type) else type(found)).__mro__
        where = next(c.__module__ for c in kind if c.__module__.startswith("pandera."))
        raise ConfigError(
            f"{name} in {module.__file__} is a schema of {where}, which is not supported",
            hint="build it with pandera.pandas: `import pandera.pandas as pa`",
        )
    raise ConfigError(
        f"{name} in {module.__file__} is no pandera schema but of type {type(found).__name__}",
        hint="it must be a pandera DataFrameSchema or a DataFrameModel class",
    )


def _is_schema(value: Any) -> bool:
    model = isinstance(value, type) and issubclass(value, DataFrameModel) and value is not DataFrameModel
    return model or isinstance(value, DataFrameSchema)


def _from_yaml(path: Path, text: bytes | None = None) -> DataFrameSchema:
    """pandera's YAML, read by a safe YAML 1.2 loader, in which `NO` is a text and a repeated key an error."""
    from pandera.io.pandas_io import deserialize_schema
    from ruamel.yaml import YAML
    from ruamel.yaml.error import MarkedYAMLError, YAMLError

    try:
        text = path.read_bytes() if text is None else text
        written = YAML(typ="safe", pure=True).load(text.decode())
    except (YAMLError, UnicodeDecodeError) as fault:
        mark = fault.problem_mark if isinstance(fault, MarkedYAMLError) else None
        problem = (fault.problem if isinstance(fault, MarkedYAMLError) else None) or "it is no YAML in UTF-8"
        where = f", line {mark.line + 1}" if mark else ""
        raise ConfigError(f"the contract file {path}{where}: {problem}", hint="mend the YAML") from None
    try:
        schema: DataFrameSchema = deserialize_schema(written)  # type: ignore[no-untyped-call]
    except Exception as fault:
        raise ConfigError(
            f"the contract file {path} is no pandera schema: {type(fault).__name__}: {fault}",
            hint="write it with DataFrameSchema.to_yaml(); custom checks must be registered with pandera",
        ) from fault
    return schema
