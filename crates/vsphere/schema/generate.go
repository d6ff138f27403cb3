// Command generate writes the schema table of the vSphere client, and the printed names of managed types, from the type
// definitions of govmomi and pyVmomi.
//
// It reads the Go sources of govmomi's packages vim25/types and vim25/mo (nothing of govmomi is compiled) and what facts.py says of
// pyVmomi, keeps the facts of the public API definition that a reader of answers needs, and prints them in the compact form that
// schema.rs explains. Where both know a member, govmomi is believed: it says what is on the wire.
//
//	go run generate.go merge.go <folder of govmomi> <its version> <facts of pyVmomi> <its version> <file for the names>
package main

import (
	"bufio"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"sort"
	"strings"
)

type member struct {
	name, kind string // kind: a letter for primitives, else a type name
	array      bool
}

type dataType struct {
	base    string
	members []member
}

type model struct {
	types    map[string]*dataType
	texts    map[string]bool   // enumerations and other renamed strings
	bases    map[string]bool   // interfaces, which stand for a type that has subtypes
	aliases  map[string]string // type A B
	results  map[string]member // method name -> result
	declared []string          // kinds of properties of managed objects
	managed  map[string]*dataType
}

func main() {
	if len(os.Args) != 6 {
		fmt.Fprintln(os.Stderr, "usage: generate <folder of govmomi> <its version> <facts of pyVmomi> <its version> <file for the names>")
		os.Exit(2)
	}
	folder, sources := os.Args[1], fmt.Sprintf("govmomi %s and pyVmomi %s", os.Args[2], os.Args[4])
	m := &model{types: map[string]*dataType{}, texts: map[string]bool{}, bases: map[string]bool{}, aliases: map[string]string{}, results: map[string]member{}, managed: map[string]*dataType{}}
	structs := m.declarations(filepath.Join(folder, "vim25", "types"))
	for name, fields := range structs {
		m.add(name, fields)
	}
	for name, fields := range m.declarations(filepath.Join(folder, "vim25", "mo")) {
		m.managed[name] = m.managedType(fields)
		for _, field := range fields.List {
			if kind, _ := m.kind(field.Type); kind != "" && len(field.Names) > 0 {
				m.declared = append(m.declared, kind)
			}
		}
	}
	api := apiVersion(folder)
	facts := readFacts(os.Args[3])
	// A header that promises more than the table holds makes vPoller speak a version whose members it cannot read.
	if newest := later(facts.version, newestMember(folder)); newest != api {
		check(fmt.Errorf("the version is %s, and the newest one that any member is new in is %s", api, newest))
	}
	m.merge(facts)
	m.print(m.reachable(), api, sources)
	check(os.WriteFile(os.Args[5], []byte(facts.names(sources)), 0o644))
}

// declarations gives the struct types of a package and notes renamed types on the way.
func (m *model) declarations(folder string) map[string]*ast.FieldList {
	found := map[string]*ast.FieldList{}
	files, err := filepath.Glob(filepath.Join(folder, "*.go"))
	check(err)
	if len(files) == 0 {
		check(fmt.Errorf("no Go files in %s", folder))
	}
	for _, path := range files {
		if strings.HasSuffix(path, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
		check(err)
		for _, declaration := range file.Decls {
			general, ok := declaration.(*ast.GenDecl)
			if !ok || general.Tok != token.TYPE {
				continue
			}
			for _, spec := range general.Specs {
				named := spec.(*ast.TypeSpec)
				switch target := named.Type.(type) {
				case *ast.StructType:
					found[named.Name.Name] = target.Fields
				case *ast.InterfaceType:
					m.bases[named.Name.Name] = true
				case *ast.Ident:
					if target.Name == "string" {
						m.texts[named.Name.Name] = true
					} else {
						m.aliases[named.Name.Name] = target.Name
					}
				}
			}
		}
	}
	return found
}

// add keeps a data type, or the result of a method.
func (m *model) add(name string, fields *ast.FieldList) {
	described := &dataType{}
	for _, field := range fields.List {
		kind, array := m.kind(field.Type)
		if len(field.Names) == 0 {
			described.base = kind
			continue
		}
		if field.Tag == nil || kind == "" {
			continue
		}
		tag := reflect.StructTag(strings.Trim(field.Tag.Value, "`")).Get("xml")
		options := strings.Split(tag, ",")
		if options[0] == "" || options[0] == "-" || strings.Contains(tag, ",attr") {
			continue
		}
		described.members = append(described.members, member{options[0], kind, array})
	}
	switch {
	case strings.HasPrefix(name, "ArrayOf"), strings.HasSuffix(name, "RequestType"), name == "ManagedObjectReference":
	case strings.HasSuffix(name, "Response") && len(described.members) == 1 && described.members[0].name == "returnval":
		m.results[strings.TrimSuffix(name, "Response")] = described.members[0]
	default:
		m.types[name] = described
	}
}

// managedType gives the properties of a managed object type and the type that it extends.
func (m *model) managedType(fields *ast.FieldList) *dataType {
	described := &dataType{}
	for _, field := range fields.List {
		kind, array := m.kind(field.Type)
		if len(field.Names) == 0 {
			described.base = kind
			continue
		}
		if field.Tag == nil || kind == "" {
			continue
		}
		name := strings.Split(reflect.StructTag(strings.Trim(field.Tag.Value, "`")).Get("json"), ",")[0]
		if name != "" && name != "-" && name != "self" {
			described.members = append(described.members, member{name, kind, array})
		}
	}
	return described
}

// kind gives the letter or name of a Go type, and whether it is an array.
func (m *model) kind(expression ast.Expr) (string, bool) {
	switch target := expression.(type) {
	case *ast.StarExpr:
		return m.kind(target.X)
	case *ast.InterfaceType:
		return "a", false
	case *ast.SelectorExpr:
		if target.Sel.Name == "Time" {
			return "t", false
		}
		if target.Sel.Name == "ByteSlice" {
			return "i", true
		}
		return m.name(target.Sel.Name), false
	case *ast.ArrayType:
		if element, ok := target.Elt.(*ast.Ident); ok && element.Name == "byte" {
			return "x", false
		}
		kind, _ := m.kind(target.Elt)
		return kind, true
	case *ast.Ident:
		if target.Name == "ByteSlice" {
			return "i", true
		}
		return m.name(target.Name), false
	}
	return "", false
}

func (m *model) name(name string) string {
	switch name {
	case "int8", "uint8", "byte", "int16", "uint16", "int32", "uint32", "int64", "uint64", "int":
		return "i"
	case "float32", "float64":
		return "f"
	case "bool":
		return "b"
	case "string":
		return "s"
	case "AnyType", "any":
		return "a"
	case "ManagedObjectReference":
		return "r"
	}
	if alias, ok := m.aliases[name]; ok {
		return m.name(alias)
	}
	if m.texts[name] {
		return "s"
	}
	if m.bases[name] {
		return strings.TrimPrefix(name, "Base")
	}
	return name
}

// reachable gives the types that an answer may hold: those of properties and results, faults, events, what they are made
// of, what they extend and what extends them.
func (m *model) reachable() []string {
	below := map[string][]string{}
	for name, described := range m.types {
		below[described.base] = append(below[described.base], name)
	}
	wanted := append([]string{"MethodFault", "Event", "RetrieveResult", "UpdateSet", "PropertyFilterUpdate"}, m.declared...)
	for _, result := range m.results {
		wanted = append(wanted, result.kind)
	}
	seen := map[string]bool{}
	for len(wanted) > 0 {
		name := wanted[len(wanted)-1]
		wanted = wanted[:len(wanted)-1]
		described := m.types[name]
		if described == nil || seen[name] {
			continue
		}
		seen[name] = true
		if name != "DynamicData" {
			wanted = append(append(wanted, below[name]...), described.base)
		}
		for _, part := range described.members {
			wanted = append(wanted, part.kind)
		}
	}
	delete(seen, "DynamicData")
	return sorted(seen)
}

func (m *model) print(names []string, api, sources string) {
	out := bufio.NewWriter(os.Stdout)
	defer out.Flush()
	fmt.Fprintf(out, "# Data types and method results of the vSphere API, version %s: which members, of which kind.\n", api)
	fmt.Fprintf(out, "# Generated by crates/vsphere/schema/generate.sh from the type definitions of %s\n", sources)
	fmt.Fprintf(out, "# (both Apache License 2.0); do not edit. The form is explained in src/schema.rs.\n")
	fmt.Fprintf(out, "!%s\n", api)
	for _, name := range names {
		printType(out, name, m.types[name])
	}
	managed := map[string]bool{}
	for name, described := range m.managed {
		if described.base != "" || len(described.members) > 0 {
			managed[name] = true
		}
	}
	for _, name := range sorted(managed) {
		printType(out, "="+name, m.managed[name])
	}
	results := map[string]bool{}
	for name, result := range m.results {
		// What a string or a named reference is, the element itself shows.
		if result.kind != "s" || result.array {
			results[name] = true
		}
	}
	for _, name := range sorted(results) {
		fmt.Fprintln(out, "@"+name+suffix(m.results[name]))
	}
}

// printType prints a type, the one that it extends, and its own members.
func printType(out *bufio.Writer, name string, described *dataType) {
	fmt.Fprint(out, name)
	if described.base != "" && described.base != "DynamicData" {
		fmt.Fprint(out, "<", described.base)
	}
	for _, part := range described.members {
		fmt.Fprint(out, " ", part.name, suffix(part))
	}
	fmt.Fprintln(out)
}

// suffix is nothing for a string, `:kind` for the rest, with a `*` for arrays.
func suffix(part member) string {
	text := ""
	if part.array {
		text = "*"
	}
	if part.kind != "s" {
		text += part.kind
	}
	if text == "" {
		return ""
	}
	return ":" + text
}

func apiVersion(folder string) string {
	source, err := os.ReadFile(filepath.Join(folder, "vim25", "client.go"))
	check(err)
	found := regexp.MustCompile(`Version\s*=\s*"([0-9.]+)"`).FindSubmatch(source)
	if found == nil {
		check(fmt.Errorf("no API version in %s/vim25/client.go", folder))
	}
	return string(found[1])
}

func sorted(set map[string]bool) []string {
	names := make([]string, 0, len(set))
	for name := range set {
		names = append(names, name)
	}
	sort.Strings(names)
	return names
}

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "generate:", err)
		os.Exit(1)
	}
}
