"""No statement that allows something has a wildcard, and no role gets permissions from where the tests cannot look.

The tests of Terraform see the statements as they come out; this looks at the source, so that a policy which no test
knows is found too.
"""

import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
UNSEEN = ["aws_iam_policy_document", "aws_iam_role_policy_attachment", "aws_iam_policy_attachment", "managed_policy_arns", "NotAction", "NotResource"]
STATEMENT = re.compile(r"^\s*(actions?|resources?)\s*=\s*(.+)$", re.I)


def problems(file: Path) -> tuple[list[str], int]:
    found, seen, effect = [], 0, "Allow"
    for number, line in enumerate(file.read_text().splitlines(), 1):
        code = line.split(" # ")[0].replace("[*]", "")
        place = f"{file.relative_to(ROOT)}:{number}"
        found += [f"{place}: {word} hides what is allowed; write the statement with jsonencode" for word in UNSEEN if word in code]
        if "Statement = [" in code or re.match(r"^\s*[a-z_]* ?=? ?\{$", code):
            effect = "Allow"
        if match := re.search(r'Effect\s*=\s*"(\w+)"', code):
            effect = match[1]
        if (match := STATEMENT.match(code)) and "*" in code:
            seen += 1
            kind, value = match[1].lower().rstrip("s"), match[2]
            # "${arn}/*" and "${log group}:*" end a resource after a prefix of its own.
            rest = re.sub(r'\}(?:/[a-z/]+)?[/:]\*"', '"', value)
            if effect != "Deny" and "*" in (rest if kind == "resource" else value):
                found.append(f"{place}: a wildcard: {line.strip()}")
        elif match:
            seen += 1
    return found, seen


def main() -> int:
    files = [file for file in sorted((ROOT / "infra").rglob("*.tf")) if ".terraform" not in file.parts and "local" not in file.parts]
    results = [problems(file) for file in files]
    for line in (line for found, _ in results for line in found):
        print(line)
    print(f"{sum(seen for _, seen in results)} cases")
    return 1 if any(found for found, _ in results) else 0


sys.exit(main())
