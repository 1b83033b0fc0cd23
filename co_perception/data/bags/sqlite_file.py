"""SQLite files of recordings: checks before they are read, and copies of those that rosbags would not read whole.

A database is read by SQL, and may answer with views of its own. A recorder that was killed leaves its newest messages
in a file beside the database, FILE-wal. SQLite reads both; rosbags reads the database alone.
Format: https://www.sqlite.org/fileformat2.html
"""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

if TYPE_CHECKING:
    import apsw

_TABLE = re.compile(r"CREATE\s+(TABLE|(UNIQUE\s+)?INDEX)\b", re.IGNORECASE)
_JOURNAL = b"\xd9\xd5\x05\xf9\x20\xa1\x63\xd7"  # begins FILE-journal while the database is being changed
_WAL_HEADER = 32  # bytes
_PAGE = 4096  # bytes of a database, which always has one


def check_database(path: Path) -> None:
    """Raises ValueError for a database that has more than tables of what was recorded: views, columns that are computed
    when they are read, virtual tables. apsw.Error for what is none."""
    import apsw  # as rosbags does: Python's own may be years older, and does not know all damage

    flags = apsw.SQLITE_OPEN_READONLY | apsw.SQLITE_OPEN_URI
    connection = apsw.Connection(f"file:{quote(str(path.absolute()))}?immutable=1", flags)
    try:
        entries = connection.execute("SELECT name, sql FROM sqlite_master").fetchall()
        odd = [name for name, sql in entries if sql is not None and not _TABLE.match(str(sql))]
        for name in [name for name, sql in entries if sql is not None and not odd]:
            columns = connection.execute("SELECT hidden FROM pragma_table_xinfo(?)", (name,)).fetchall()
            odd += [name] if any(hidden for (hidden,) in columns) else []
    finally:
        connection.close()
    if odd:
        raise ValueError(f"{odd[0]!r} in it is computed when it is read, and no recorder writes that.")


def has_wal(path: Path) -> bool:
    """Whether a database has messages in a FILE-wal beside it."""
    wal = path.with_name(f"{path.name}-wal")
    return wal.is_file() and wal.stat().st_size > _WAL_HEADER


def has_journal(path: Path) -> bool:
    """Whether a database was left amid a change. FILE-journal undoes it, but may name files to delete: not used."""
    journal = path.with_name(f"{path.name}-journal")
    if not journal.is_file():
        return False
    with journal.open("rb") as file:
        return file.read(len(_JOURNAL)) == _JOURNAL


def with_wal(path: Path, to: Path) -> Path:
    """Writes a database with what is in its FILE-wal as one file `to`, and returns that. The originals do not change.

    Raises apsw.Error for what is no database.
    """
    import apsw

    shutil.copyfile(path, to)
    shutil.copyfile(path.with_name(f"{path.name}-wal"), to.with_name(f"{to.name}-wal"))
    connection = apsw.Connection(str(to), flags=apsw.SQLITE_OPEN_READWRITE)
    try:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    finally:
        connection.close()
    return to


def has_unknown_definitions(path: Path) -> bool:
    """Whether a database has a type whose definition its recorder did not find: rosbags refuses it with all others."""
    import apsw

    flags = apsw.SQLITE_OPEN_READONLY | apsw.SQLITE_OPEN_URI
    connection = apsw.Connection(f"file:{quote(str(path.absolute()))}?immutable=1", flags)
    query = "SELECT 1 FROM message_definitions WHERE encoding NOT IN ('ros2msg', 'ros2idl') LIMIT 1"
    try:
        return bool(connection.execute(query).fetchall())
    except apsw.SQLError:  # older recorders write no definitions at all
        return False
    finally:
        connection.close()


def without_unknown_definitions(path: Path, to: Path) -> Path:
    """Writes a database whose unknown definitions are empty ones as `to`, and returns that."""
    import apsw

    shutil.copyfile(path, to)
    connection = apsw.Connection(str(to), flags=apsw.SQLITE_OPEN_READWRITE)
    try:
        connection.execute(
            "UPDATE message_definitions SET encoding = 'ros2msg', encoded_message_definition = '' "
            "WHERE encoding NOT IN ('ros2msg', 'ros2idl')"
        ).fetchall()
    finally:
        connection.close()
    return to


def bound_rows() -> None:
    """Limits the length of a row to that of the file, in connections of apsw that only read, as those of rosbags do."""
    import apsw

    if _bound not in apsw.connection_hooks:
        apsw.connection_hooks.append(_bound)


def _bound(connection: apsw.Connection) -> None:
    from apsw import SQLITE_LIMIT_LENGTH

    if connection.filename and connection.readonly("main"):
        connection.limit(SQLITE_LIMIT_LENGTH, max(Path(connection.filename).stat().st_size, _PAGE))
