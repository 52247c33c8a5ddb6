"""Makes a notmuch database know what became of files, by the files' names.

usage: insert.py MAIL_ROOT flags|tags [TAG...] <FILES

FILES are absolute paths, each behind a mark and before a NUL: "+" where the
content may be new though the name is known, "-" for any other file to look at.
Files that are there are indexed, files that are gone are forgotten. A new message
gets the TAGs; with "flags", tags follow the maildir flags, as notmuch new has it.
It can be run again at any time. Exit status 3: libnotmuch can't be used here.
"""

import ctypes
import ctypes.util
import os
import stat
import sys
from ctypes import byref, c_char_p, c_int, c_void_p

CANNOT = 3  # exit status
SUCCESS, FILE_ERROR, FILE_NOT_EMAIL, DUPLICATE_MESSAGE_ID = 0, 4, 5, 6  # notmuch_status_t
READ_WRITE = 1

FUNCTIONS = {  # result, arguments
    "status_to_string": (c_char_p, c_int),
    "database_open_with_config": (c_int, c_char_p, c_int, c_char_p, c_char_p, c_void_p, c_void_p),
    "database_open": (c_int, c_char_p, c_int, c_void_p),
    "database_destroy": (c_int, c_void_p),
    "database_needs_upgrade": (c_int, c_void_p),
    "database_begin_atomic": (c_int, c_void_p),
    "database_end_atomic": (c_int, c_void_p),
    "database_index_file": (c_int, c_void_p, c_char_p, c_void_p, c_void_p),
    "database_remove_message": (c_int, c_void_p, c_char_p),
    "database_find_message": (c_int, c_void_p, c_char_p, c_void_p),
    "database_find_message_by_filename": (c_int, c_void_p, c_char_p, c_void_p),
    "message_get_message_id": (c_char_p, c_void_p),
    "message_get_tags": (c_void_p, c_void_p),
    "message_add_tag": (c_int, c_void_p, c_char_p),
    "message_maildir_flags_to_tags": (c_int, c_void_p),
    "message_freeze": (c_int, c_void_p),
    "message_thaw": (c_int, c_void_p),
    "message_destroy": (None, c_void_p),
    "tags_valid": (c_int, c_void_p),
    "tags_get": (c_char_p, c_void_p),
    "tags_move_to_next": (None, c_void_p),
}


def load():
    """Returns libnotmuch's functions, by their names without notmuch_."""
    for name in ("libnotmuch.so.5", "libnotmuch.5.dylib", ctypes.util.find_library("notmuch")):
        try:
            library = ctypes.CDLL(name) if name else None
        except OSError:
            library = None
        if library:
            break
    else:
        print("there is no libnotmuch")
        sys.exit(CANNOT)
    functions = {}
    for name, (result, *arguments) in FUNCTIONS.items():
        try:
            f = getattr(library, "notmuch_" + name)
        except AttributeError:  # an old one; what is needed is missed at its use
            continue
        f.restype, f.argtypes = result, arguments
        functions[name] = f
    return functions


class Failure(Exception):
    """What libnotmuch did not do."""


class Database:
    def __init__(self, root, follow_flags, tags):
        self.f = load()
        self.follow_flags, self.tags = follow_flags, tags
        self.stale = set()  # ids of messages whose flags may have changed
        self.db = c_void_p()
        if "database_open_with_config" in self.f:
            status = self.f["database_open_with_config"](None, READ_WRITE, None, None, byref(self.db), None)
        else:
            status = self.f["database_open"](root, READ_WRITE, byref(self.db))
        if status != SUCCESS:
            print("open the database:", self.f["status_to_string"](status).decode())
            sys.exit(CANNOT)
        if self.f["database_needs_upgrade"](self.db):
            print("the database needs an upgrade")
            sys.exit(CANNOT)

    def call(self, name, *arguments, also=()):
        """Calls a function that may fail, and returns its status: success or one of also."""
        status = self.f[name](*arguments)
        if status != SUCCESS and status not in also:
            raise Failure("%s: %s" % (name, self.f["status_to_string"](status).decode()))
        return status

    def find(self, path):
        """Returns the id and the tags of the message a file is known for, or None."""
        message = c_void_p()
        self.call("database_find_message_by_filename", self.db, path, byref(message))
        if not message:
            return None
        tags, each = [], self.f["message_get_tags"](message)
        while self.f["tags_valid"](each):
            tags.append(self.f["tags_get"](each))
            self.f["tags_move_to_next"](each)
        known = self.f["message_get_message_id"](message), tags
        self.f["message_destroy"](message)
        return known

    def atomic(self, do, *arguments):
        self.call("database_begin_atomic", self.db)
        do(*arguments)
        self.call("database_end_atomic", self.db)

    def add(self, path, was=None):
        """Indexes a file; a message that comes back under its id, was, keeps its tags."""
        message = c_void_p()
        status = self.call(
            "database_index_file", self.db, path, None, byref(message),
            also=(DUPLICATE_MESSAGE_ID, FILE_NOT_EMAIL, FILE_ERROR),
        )
        if status == FILE_ERROR and os.path.exists(path):
            raise Failure("index " + os.fsdecode(path))
        if status in (FILE_ERROR, FILE_NOT_EMAIL):
            return
        name = self.f["message_get_message_id"](message)
        if status == SUCCESS:
            seen = b"S" in path.rpartition(b":2,")[2] if b":2," in path else False
            tags = was[1] if was and was[0] == name else [t for t in self.tags if not (seen and t == b"unread")]
            self.call("message_freeze", message)
            if self.follow_flags:
                self.call("message_maildir_flags_to_tags", message)
            for tag in tags:
                self.call("message_add_tag", message, tag)
            self.call("message_thaw", message)
        self.stale.add(name)
        self.f["message_destroy"](message)

    def replace(self, path, was):
        self.remove(path, was)
        self.add(path, was)

    def remove(self, path, was):
        if self.call("database_remove_message", self.db, path, also=(DUPLICATE_MESSAGE_ID,)):
            self.stale.add(was[0])

    def flags(self, name):
        message = c_void_p()
        self.call("database_find_message", self.db, name, byref(message))
        if message:
            self.call("message_maildir_flags_to_tags", message)
            self.f["message_destroy"](message)


def update(database, files):
    """Looks at each file. What appeared comes first: a message that was renamed
    is never without a name, and keeps its tags."""
    added, replaced, removed = [], [], []
    for marked in files:
        path = marked[1:]
        try:
            there = stat.S_ISREG(os.lstat(path).st_mode)
        except (FileNotFoundError, NotADirectoryError):
            there = False
        known = database.find(path)
        if there and not known:
            added.append((path,))
        elif there and marked[:1] == b"+":
            replaced.append((path, known))
        elif known and not there:
            removed.append((path, known))
        elif known:
            database.stale.add(known[0])
    for do, which in ((database.add, added), (database.replace, replaced), (database.remove, removed)):
        for arguments in which:
            database.atomic(do, *arguments)
    if database.follow_flags:
        for name in database.stale:
            database.atomic(database.flags, name)
    print("%d files added, %d replaced, %d removed" % (len(added), len(replaced), len(removed)))


def main():
    root, follow, *tags = [os.fsencode(a) for a in sys.argv[1:]]
    files = sys.stdin.buffer.read().split(b"\0")[:-1]
    database = Database(root, follow == b"flags", tags)
    try:
        update(database, files)
    except Failure as failure:
        sys.exit(str(failure))
    database.call("database_destroy", database.db)  # commits


main()
