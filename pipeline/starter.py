"""The files a first run needs: config, contract, example. A checkout has them at its top, a wheel inside."""

from __future__ import annotations

from pathlib import Path

from pipeline.errors import ConfigError

FILES = ("config.yaml", "schemas/contact.py", "examples/contacts.csv")


def write(folder: Path) -> list[Path]:
    """The paths of the files written to `folder`, which is made; ConfigError where one is there already."""
    packed = Path(__file__).parent / "files"
    origin = packed if packed.is_dir() else Path(__file__).parent.parent
    made = [folder / name for name in FILES]
    for path in made:
        if path.exists():
            raise ConfigError(f"{path} is there already.", hint="Name another folder, or move it away first.")
    try:
        for name, path in zip(FILES, made, strict=True):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes((origin / name).read_bytes())
    except OSError as error:
        raise ConfigError(
            f"{path} cannot be written: {error.strerror}.", hint="Name a folder that may be written to."
        ) from None
    return made
