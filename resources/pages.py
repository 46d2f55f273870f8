"""The pages that are kept of each day and of each model: a folder, or an `s3://` prefix.

Belongs here: keeping a page so that a reader gets it whole, its address, and which days have one. Does not belong here:
the content of a page (`assets.monitoring.page`, `assets.evaluation.report`).
"""

from dataclasses import dataclass
from datetime import date
from uuid import uuid4

import pyarrow.fs as pafs

from resources.naming import checked_name, is_day
from resources.sources.object_stores import is_s3, open_place

_END = ".html"
_KIND = {"Content-Type": "text/html; charset=utf-8"}
"""What S3 tells a browser; a folder leaves it out."""


@dataclass(frozen=True)
class Pages:
    """The pages of every product: `<place>/<product>/<day>.html`, and of a model `<place>/<product>/models/<run>.html`.

    Attributes:
        place: A folder or an `s3://` prefix.
    """

    place: str

    def keep(self, product: str, day: date, page: str) -> str:
        """Keeps the page of a day, in place of an earlier one; returns its address: a path, or `s3://…`.

        Raises:
            OSError: The place cannot be written.
        """
        return self._keep(checked_name(product, "product"), day.isoformat(), page)

    def keep_model(self, product: str, run: str, page: str) -> str:
        """Keeps the report of the model that a run made; arguments and errors as for `keep`."""
        return self._keep(f"{checked_name(product, 'product')}/models", run, page)

    def _keep(self, within: str, name: str, page: str) -> str:
        files, root = open_place(self.place)
        folder = f"{root}/{within}"
        path = f"{folder}/{name}{_END}"
        if is_s3(self.place):  # an object appears whole or not at all
            _write(files, path, page)
            return f"s3://{path}"
        files.create_dir(folder, recursive=True)
        beside = f"{folder}/.{name}.{uuid4().hex}"
        try:
            _write(files, beside, page)
            files.move(beside, path)
        finally:
            if files.get_file_info(beside).type is pafs.FileType.File:
                files.delete_file(beside)
        return path

    def days(self, product: str) -> tuple[date, ...]:
        """The days that have a page, ascending."""
        files, root = open_place(self.place)
        folder = f"{root}/{checked_name(product, 'product')}"
        found = files.get_file_info(pafs.FileSelector(folder, allow_not_found=True))
        names = [info.base_name.removesuffix(_END) for info in found if info.base_name.endswith(_END)]
        return tuple(sorted(date.fromisoformat(name) for name in names if is_day(name)))

    def address(self, product: str, day: date) -> str:
        """The address of the page of a day."""
        root = self.place if is_s3(self.place) else open_place(self.place)[1]
        return f"{root.rstrip('/')}/{checked_name(product, 'product')}/{day.isoformat()}{_END}"


def _write(files: pafs.FileSystem, path: str, page: str) -> None:
    with files.open_output_stream(path, metadata=_KIND) as stream:
        stream.write(page.encode())
