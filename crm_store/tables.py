"""All tables at once: importing this module fills SQLModel.metadata, for migrations and for erasing."""

from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules

for _module in iter_modules([str(Path(__file__).parent)]):
    if _module.name not in ("tables", "migrations"):
        import_module(f"crm_store.{_module.name}")
