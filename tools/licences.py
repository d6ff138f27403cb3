"""Reads `cargo metadata` on standard input and says which dependency the policy file (deny.toml) does not allow."""

import json
import re
import sys
import tomllib


def satisfied(expression, allowed):
    """Whether an SPDX expression can be fulfilled with allowed licences. `/` is an old way to write OR."""
    words = re.findall(r"[()]|[^\s()]+", expression.replace("/", " OR "))

    def either(at):
        value, at = both(at)
        while at < len(words) and words[at] == "OR":
            other, at = both(at + 1)
            value = value or other
        return value, at

    def both(at):
        value, at = single(at)
        while at < len(words) and words[at] == "AND":
            other, at = single(at + 1)
            value = value and other
        return value, at

    def single(at):
        if words[at] == "(":
            value, at = either(at + 1)
            return value, at + 1
        value, at = words[at].removesuffix("+") in allowed, at + 1  # "or later" only ever allows more
        if at < len(words) and words[at] == "WITH":  # an exception only ever allows more
            at += 2
        return value, at

    return either(0)[0]


def main(policy_file):
    with open(policy_file, "rb") as file:
        policy = tomllib.load(file)
    allowed = set(policy["licenses"]["allow"])
    banned = {entry["crate"] for entry in policy["bans"]["deny"]}
    foreign = [package for package in json.load(sys.stdin)["packages"] if package["source"]]
    problems = [
        f"{package['name']} {package['version']}: licence {package['license'] or 'not stated'} is not on the list in {policy_file}"
        for package in foreign
        if not satisfied(package["license"] or "none", allowed)
    ]
    problems += [f"{package['name']} {package['version']}: banned in {policy_file}" for package in foreign if package["name"] in banned]
    print("\n".join(problems) or f"licences: {len(foreign)} dependencies, all allowed")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
