package main

import (
	"reflect"
	"strings"

	"github.com/vmware/govmomi/vim25/soap"
	"github.com/vmware/govmomi/vim25/types"
)

// strictPaths makes the server take property paths along declared types only,
// as a vCenter does: a member that only a subtype has is reached by reading
// the property whole. It is set before the server starts.
var strictPaths bool

// declaredType returns the type at the end of a path that goes along declared
// types, each part spelled as vSphere spells it.
func declaredType(t reflect.Type, property string) (reflect.Type, bool) {
	for _, part := range strings.Split(property, ".") {
		next, ok := declaredMember(t, strings.SplitN(part, "[", 2)[0])
		if !ok {
			return nil, false
		}
		t = next
	}
	return t, true
}

// declaredMember looks up one member of a declared type. Where the library
// declares an interface, the base type that it is named after is meant.
func declaredMember(t reflect.Type, name string) (reflect.Type, bool) {
	if t.Kind() == reflect.Ptr {
		t = t.Elem()
	}
	if t.Kind() == reflect.Interface {
		base, ok := dataTypeFunc(strings.TrimPrefix(t.Name(), "Base"))
		if !ok {
			return nil, false
		}
		t = base
	}
	if t.Kind() != reflect.Struct || t == timeType || t == refType {
		return nil, false
	}
	field, ok := t.FieldByName(goName(name))
	if !ok || field.Anonymous || field.PkgPath != "" || wireName(field) != name {
		return nil, false
	}
	return field.Type, true
}

// wireName returns the name a member has in XML. Managed objects carry it in
// another tag than data objects, and not the same one in every release.
func wireName(field reflect.StructField) string {
	for _, tag := range []string{"mo", "xml", "json"} {
		if name := strings.SplitN(field.Tag.Get(tag), ",", 2)[0]; name != "" {
			return name
		}
	}
	return ""
}

// pathType is the type at the end of a path that a client may ask for.
func pathType(kind reflect.Type, path string) (reflect.Type, bool) {
	if strictPaths {
		return declaredType(kind, path)
	}
	return typeByPath(kind, path)
}

// checkSelection returns the fault a vCenter answers when a traversal starts
// from a type that does not exist or walks along a property that it lacks.
func checkSelection(set []types.BaseSelectionSpec) *soap.Fault {
	if !strictPaths {
		return nil
	}
	for _, selection := range set {
		walk, ok := selection.(*types.TraversalSpec)
		if !ok {
			continue
		}
		kind, ok := managedType(walk.Type)
		if !ok {
			return invalidArgument("specSet.objectSet.selectSet.type")
		}
		if _, ok := declaredType(kind, walk.Path); !ok {
			return invalidProperty(walk.Path)
		}
		if err := checkSelection(walk.SelectSet); err != nil {
			return err
		}
	}
	return nil
}

// declaredParts is declaredPart for every path of a set.
func declaredParts(self ref, paths map[string]bool) map[string]bool {
	if !strictPaths {
		return paths
	}
	parts := make(map[string]bool, len(paths))
	for path := range paths {
		parts[declaredPart(self, path)] = true
	}
	return parts
}

// declaredPart cuts a path off before the first member that only a subtype
// has, which is how far an update may name a change.
func declaredPart(self ref, path string) string {
	kind, ok := managedType(self.Type)
	if !ok {
		return path
	}
	parts := strings.Split(path, ".")
	for length := len(parts); length > 1; length-- {
		shorter := strings.Join(parts[:length], ".")
		if _, ok := declaredType(kind, shorter); ok {
			return shorter
		}
	}
	return parts[0]
}
