"""All tables at once: importing this module fills SQLModel.metadata, for migrations and for erasing."""

from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules

for _module in iter_modules([str(Path(__file__).parent)]):
    # `live` holds none, and Redis is loaded only by who has one.
    if _module.name not in ("tables", "migrations", "live"):
        import_module(f"crm_store.{_module.name}")
