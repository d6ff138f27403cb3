"""Prints the facts of the vSphere API that pyVmomi's package states, one a line, for generate.go.

    facts.py <folder of the unpacked package>

The package is parsed, not run. Fields stand between tabs; kinds are those of src/schema.rs:

    version  <newest numbered version that something is new in>
    type     <name> <base>                      a data type
    managed  <name> <base> <printed name>       a managed type
    printed  <name> <printed name>              a managed type of vSAN's service, of which only the name matters
    member   <type> <name> <kind> <array>       of the type before
    result   <method> <kind> <array>
"""

import ast
import os
import sys

# What the published API of vCenter and ESXi consists of; the package has other services' types, too.
FILES = ("core", "query", "vim")
PRIMITIVES = {
    "string": "s", "boolean": "b", "byte": "i", "short": "i", "int": "i", "long": "i", "float": "f", "double": "f",
    "anyType": "a", "vmodl.DateTime": "t", "vmodl.Binary": "x", "vmodl.URI": "s", "vmodl.TypeName": "s",
    "vmodl.PropertyPath": "s", "vmodl.MethodName": "s",
}
# Types that pyVmomi writes by hand, by their names on the wire.
BASES = {"vmodl.MethodFault": "MethodFault", "vmodl.RuntimeFault": "RuntimeFault"}
# What every data object has in theory and none on the wire.
UNUSED = {"DynamicArray", "DynamicData", "DynamicProperty"}


def calls(folder, parts):
    """The calls at the top of the files: name of the function, arguments as constants, lists, and sets of flags."""
    for part in parts:
        with open(os.path.join(folder, "pyVmomi", "_typeinfo_%s.py" % part), encoding="utf-8") as source:
            tree = ast.parse(source.read())
        for node in tree.body:
            call = getattr(node, "value", None)
            if isinstance(call, ast.Call) and isinstance(call.func, ast.Name):
                yield call.func.id, [constant(argument) for argument in call.args]


def constant(node):
    if isinstance(node, (ast.List, ast.Tuple)):
        return [constant(element) for element in node.elts]
    if isinstance(node, ast.Constant):
        return node.value
    return {part.id for part in ast.walk(node) if isinstance(part, ast.Name)}


def main():
    versions, kinds, data, managed = {}, dict(PRIMITIVES), [], []
    for function, arguments in calls(sys.argv[1], FILES):
        if function == "AddVersion" and arguments[1] == "vim25":
            versions[arguments[0]] = arguments[2]
        elif function == "CreateEnumType":
            kinds[arguments[0]] = "s"
        elif function == "CreateDataType":
            kinds[arguments[0]] = arguments[1]
            # Names in small letters are old spellings of others.
            if arguments[1] not in UNUSED and arguments[1][0].isupper():
                data.append(arguments)
        elif function == "CreateManagedType":
            kinds[arguments[0]] = "r"
            managed.append(arguments)
    wire = dict(BASES, **{arguments[0]: arguments[1] for arguments in data + managed})
    kinds["vmodl.ManagedObject"] = "r"
    # Where pyVmomi says fault, the wire has it with its text: a LocalizedMethodFault.
    bases, faults = {arguments[0]: arguments[2] for arguments in data}, set(BASES)
    for name in bases:
        lineage = [name]
        while lineage[-1] in bases:
            lineage.append(bases[lineage[-1]])
        if faults.intersection(lineage):
            faults.add(name)
    kinds.update((name, "LocalizedMethodFault") for name in faults)
    newest = ()

    def kind(name):
        """Letter or name of a kind, and whether it is an array."""
        element = name[:-2] if name.endswith("[]") else name
        return kinds[element], "*" if name.endswith("[]") else "-"

    def seen(version):
        nonlocal newest
        numbers = versions.get(version, "").split(".")
        if all(number.isdigit() for number in numbers):
            newest = max(newest, tuple(int(number) for number in numbers))

    def members(owner, listed):
        for member in listed or ():
            seen(member[2])
            letter, array = kind(member[1])
            # A link is written as the key of what it points at, whatever type pyVmomi names.
            is_link = isinstance(member[3], set) and "F_LINK" in member[3]
            print("member", owner, member[0], "s" if is_link else letter, array, sep="\t")

    for printed, name, base, version, listed in (arguments[:5] for arguments in data):
        seen(version)
        print("type", name, wire.get(base, "DynamicData"), sep="\t")
        members(name, listed)
    for printed, name, base, version, listed, methods in (arguments[:6] for arguments in managed):
        print("managed", name, wire.get(base, ""), printed, sep="\t")
        members(name, listed)
        for method in methods or ():
            result = method[4][1]
            if result != "void":
                print("result", method[1], *kind(result), sep="\t")
    for function, arguments in calls(sys.argv[1], ("vsanhealth",)):
        if function == "CreateManagedType" and arguments[0].startswith("vim."):
            print("printed", arguments[1], arguments[0], sep="\t")
    print("version", ".".join(map(str, newest)), sep="\t")


if __name__ == "__main__":
    main()
