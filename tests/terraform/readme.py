"""The tables of infra/README.md say what the module has: its variables, with their defaults, and its outputs."""

import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def blocks(file: str, kind: str) -> dict[str, str]:
    text = (ROOT / "infra" / file).read_text()
    return dict(re.findall(rf'^{kind} "(\w+)" {{\n(.*?)^}}$', text, re.M | re.S))


def attributes(body: str) -> dict[str, str]:
    """A map(object(…)) or object(…)'s attributes: what is said of each."""
    shape = re.search(r"object\(\{\n(.*?)\n\s*\}\)", body, re.S)
    lines = re.findall(r"^\s*(\w+)\s*=\s*(.+)$", shape[1], re.M) if shape else []
    return dict(lines)


def default_of(declared: str) -> str:
    if not declared.startswith("optional("):
        return "required"
    match = re.search(r",\s*([^,()]+)\)$", declared)
    return match[1].strip() if match else "–"


def wanted() -> dict[str, str]:
    """Every row of the table of variables, and what its column of defaults says."""
    rows = {}
    for name, body in blocks("variables.tf", "variable").items():
        match = re.search(r"^  default\s*=\s*(.+)$", body, re.M)
        rows[name] = "required" if not match else "–" if match[1] == "null" else match[1]
        for attribute, declared in attributes(body).items():
            rows[f"{name}.{attribute}"] = default_of(declared)
    return rows


def table(text: str, heading: str) -> dict[str, str]:
    """The first two columns of the table under a heading."""
    section = text.split(f"## {heading}\n", 1)[1].split("\n## ", 1)[0]
    rows = re.findall(r"^\| `([^`]+)` \| ([^|]*) \|", section, re.M)
    return {name: second.strip().strip("`") for name, second in rows}


def compare(what: str, wanted: dict[str, str], written: dict[str, str]) -> list[str]:
    found = [f"{what}: `{name}` is missing; its second column says {value}" for name, value in wanted.items() if name not in written]
    found += [f"{what}: there is no `{name}`" for name in written if name not in wanted]
    found += [f"{what}: `{name}` is {value}, and the README says {written[name]}" for name, value in wanted.items() if written.get(name, value) != value]
    return found


def main() -> int:
    text = (ROOT / "infra/README.md").read_text()
    variables = wanted()
    outputs = blocks("outputs.tf", "output")
    found = compare("variables", variables, table(text, "Variables"))
    found += compare("outputs", dict.fromkeys(outputs, ""), dict.fromkeys(table(text, "Outputs"), ""))

    example = (ROOT / "infra/examples/minimal/main.tf").read_text()
    copy = example.replace('source = "../../"', 'source = "./freshet/infra"')
    if copy not in text:
        found.append("the main.tf of the README is not examples/minimal/main.tf with another source")

    for line in found:
        print(line)
    print(f"{len(variables) + len(outputs) + 1} cases")
    return 1 if found else 0


sys.exit(main())
