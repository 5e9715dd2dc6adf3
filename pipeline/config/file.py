"""From a config file (or a mapping) to a `Config`: parse, expand `${NAME}`, check, and say where it hurts.

The order matters: YAML 1.2 is parsed first (`NO` stays text), `${NAME}` is expanded afterwards and in
scalars only, so that no value of the environment is ever read as YAML. Every problem names file, line and
key; none repeats a value.
"""

from __future__ import annotations

import difflib
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NoReturn

from pydantic import BaseModel, SecretStr, ValidationError

from pipeline.config import Config
from pipeline.config.yamltext import Key, parse, place
from pipeline.errors import ConfigError

_VARIABLE = re.compile(r"\$\{([^}]*)\}")
_SECRETS: tuple[Key, ...] = (("submit", "api_key"), ("track", "secret"))


def load_config(config: str | os.PathLike[str] | Mapping[str, Any] | Config) -> Config:
    """A checked `Config` from a YAML file's path, a mapping of the same shape, or a Config as it is.

    Raises ConfigError, which names file, line and key. Secrets in a mapping are `"${NAME}"` or a
    `pydantic.SecretStr`.
    """
    if isinstance(config, Config):
        return config
    if isinstance(config, Mapping):
        return _Loader("config", {}, Path.cwd()).build(config)
    if not isinstance(config, str | os.PathLike):
        raise ConfigError(
            f"A {type(config).__name__} is no config.",
            hint="Pass a config file's path, a mapping of the same shape, or what load_config has returned.",
        )
    path = Path(config)
    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise ConfigError(
            f"Config file not found: {path}",
            hint="Name it with -c, or write one to start from with `python -m pipeline init`.",
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(
            f"Config file {path} cannot be read: {_reason(error)}.", hint="It must be a UTF-8 text file."
        ) from None
    data, lines = parse(str(path), text)
    if not isinstance(data, Mapping):
        raise ConfigError(
            f"{path}: the config is empty or no mapping.",
            hint="It has sections such as `source:` and `contract:`; see the README.",
        )
    return _Loader(str(path), lines, path.absolute().parent).build(data)


def _reason(error: OSError | UnicodeDecodeError) -> str:
    return (error.strerror or "unreadable") if isinstance(error, OSError) else "not UTF-8"


class _Loader:
    """One config on its way from a mapping to a `Config`: `where` names a key's place in every message."""

    def __init__(self, file: str, lines: Mapping[Key, int], base: Path) -> None:
        self.file, self.lines, self.base = file, lines, base
        self.unset: dict[Key, str] = {}

    def where(self, key: Key) -> str:
        return place(self.file, self.lines, key)

    def build(self, data: Mapping[str, Any]) -> Config:
        for key in _SECRETS:
            self._refuse_literal(key, data)
        # A section whose keys are all commented out is null in YAML, and means its defaults.
        given = {k: v for k, v in data.items() if v is not None or k not in Config.model_fields}
        try:
            config = Config.model_validate(self._expand({"contract": {}} | given, ()))
        except ValidationError as error:
            self._fail(error)
        config._base, config._file = self.base, self.file
        config._lines, config._unset = dict(self.lines), self.unset
        return config

    def _refuse_literal(self, key: Key, data: Mapping[str, Any]) -> None:
        section = data.get(key[0])
        value = section.get(key[1]) if isinstance(section, Mapping) else None
        for each in value if isinstance(value, (list, tuple)) else (value,):
            if not (each is None or isinstance(each, SecretStr) or _VARIABLE.fullmatch(str(each))):
                raise self._literal(key)

    def _literal(self, key: Key) -> ConfigError:
        return ConfigError(
            f"{self.where(key)} is written out: a secret does not belong in a config.",
            hint=f"Put it into the environment and write `{key[1]}: ${{NETCORE_{key[1].upper()}}}`.",
        )

    def _expand(self, value: Any, key: Key) -> Any:
        """The value with every `${NAME}` replaced; a key whose variable is not set is left out and noted."""
        if isinstance(value, Mapping):
            pairs = {str(k): self._expand(v, (*key, str(k))) for k, v in value.items()}
            return {k: v for k, v in pairs.items() if (*key, k) not in self.unset}
        if isinstance(value, (list, tuple)):
            items = [self._expand(v, (*key, str(i))) for i, v in enumerate(value)]
            for at in [at for at in self.unset if at[:-1] == key]:
                self.unset[key] = self.unset.pop(at)  # a list that lacks one of its items is no list
            return items
        if not isinstance(value, str):
            return value
        for name in _VARIABLE.findall(value):
            if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name):
                raise ConfigError(
                    f"{self.where(key)}: ${{…}} does not hold a variable's name.",
                    hint="A name has letters, digits and underscores: ${NETCORE_API_KEY}.",
                )
            if name not in os.environ:
                self.unset[key] = f"{self.where(key)}: the variable {name} is not set."
                return None
        return _VARIABLE.sub(lambda found: os.environ[found[1]], value)

    def _fail(self, error: ValidationError) -> NoReturn:
        problems = []
        hint = "Every key is described in the README; `config-schema` lets an editor check them."
        for item in error.errors(include_input=False, include_url=False, include_context=False):
            key = tuple(str(part) for part in item["loc"])
            message = item["msg"].removeprefix("Value error, ")
            if key in self.unset:
                problems.append(self.unset[key])
                continue
            if item["type"] == "extra_forbidden":
                message, hint = "there is no such key", _nearest(key)
            elif item["type"] == "missing":
                message = "this key is missing"
            elif item["type"] == "model_type":
                message = "this is a section: its keys stand below it, indented"
            problems.append(f"{self.where(key)}: {message}.")
        raise ConfigError("\n".join(dict.fromkeys(problems)), hint=hint) from None


def _nearest(key: Key) -> str:
    model: Any = Config
    for part in key[:-1]:
        fields = {f.alias or name: f for name, f in model.model_fields.items()}
        model = fields[part].annotation if part in fields else None
        if not (isinstance(model, type) and issubclass(model, BaseModel)):
            return "Remove it."
    known = [f.alias or name for name, f in model.model_fields.items()]
    section, dot, rest = key[-1].partition(".")
    if dot and section in known:
        return f"Write `{rest}` on a line of its own below `{section}:`, indented."
    close = difflib.get_close_matches(key[-1], known, n=1, cutoff=0.5)
    return f"Did you mean `{close[0]}`?" if close else f"Keys here: {', '.join(known)}."
