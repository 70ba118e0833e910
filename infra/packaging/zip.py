"""Packs each function's binary, and checks what Lambda asks of it.

    zip.py GLIBC BINARIES ZIPS FUNCTION…

A zip holds one file, `bootstrap`, with a date of its own and no owner, so that the same binary gives the same bytes.
Fails where a binary needs a newer glibc than GLIBC, or a zip is larger than was meant, in MB as Lambda counts them.
"""

import hashlib
import pathlib
import re
import sys
import zipfile

MB = 1024 * 1024
# What stands in the way of changes starts often, and small.
MOST = 5 * MB
# Pages for people, with OpenID Connect and the clients of five services: it starts when somebody looks.
MOST_OF = {"console": 7 * MB}


def newest_glibc(binary: bytes) -> tuple[int, ...]:
    """The newest version of glibc whose symbols the binary names: they stand as text in its string table."""
    versions = re.findall(rb"\0GLIBC_([0-9]+(?:\.[0-9]+)+)(?=\0)", binary)
    return max(tuple(int(part) for part in version.decode().split(".")) for version in versions)


def main(glibc: str, binaries: str, zips: str, *functions: str) -> int:
    allowed = tuple(int(part) for part in glibc.split("."))
    wrong = 0
    print(f"{'function':<20} {'binary':>10} {'zip':>10}  glibc  sha256")
    for function in functions:
        binary = (pathlib.Path(binaries) / function / "bootstrap").read_bytes()
        path = pathlib.Path(zips) / f"{function}.zip"
        path.parent.mkdir(parents=True, exist_ok=True)
        entry = zipfile.ZipInfo("bootstrap", date_time=(1980, 1, 1, 0, 0, 0))
        entry.create_system = 3
        entry.external_attr = 0o100755 << 16
        with zipfile.ZipFile(path, "w") as out:
            out.writestr(entry, binary, compress_type=zipfile.ZIP_DEFLATED, compresslevel=9)
        size, needs = path.stat().st_size, newest_glibc(binary)
        digest = hashlib.sha256(path.read_bytes()).hexdigest()[:16]
        print(f"{function:<20} {len(binary):>10,} {size:>10,}  {'.'.join(map(str, needs)):<5}  {digest}")
        if needs > allowed:
            wrong += 1
            print(f"  {function} needs glibc {'.'.join(map(str, needs))}; Lambda's runtime has {glibc}")
        most = MOST_OF.get(function, MOST)
        if size >= most:
            wrong += 1
            print(f"  {function}.zip is {size:,} bytes; less than {most:,} was meant")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
