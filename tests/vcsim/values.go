package main

import (
	"encoding/json"
	"fmt"
	"path"
	"reflect"
	"strings"
	"time"

	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/types"
)

var (
	timeType     = reflect.TypeOf(time.Time{})
	refType      = reflect.TypeOf(types.ManagedObjectReference{})
	moPackage    = "mo"
	dataTypeFunc = types.TypeFunc()
)

// managedObject returns the addressable managed object inside a simulator
// object. The library wraps each one in a type of its own, first field first.
func managedObject(obj mo.Reference) reflect.Value {
	val := reflect.ValueOf(obj).Elem()
	for path.Base(val.Type().PkgPath()) != moPackage && val.NumField() > 0 {
		val = val.Field(0)
		if val.Kind() == reflect.Ptr {
			val = val.Elem()
		}
	}
	return val
}

// goName turns a property name ("powerState") into the Go field name.
func goName(name string) string {
	if name == "" {
		return name
	}
	return strings.ToUpper(name[:1]) + name[1:]
}

// fieldByPath follows a property path through an object. The second result is
// false when a part of the way does not exist or is unset.
func fieldByPath(val reflect.Value, property string) (reflect.Value, bool) {
	for _, part := range strings.Split(property, ".") {
		for val.Kind() == reflect.Ptr || val.Kind() == reflect.Interface {
			if val.IsNil() {
				return reflect.Value{}, false
			}
			val = val.Elem()
		}
		if val.Kind() != reflect.Struct {
			return reflect.Value{}, false
		}
		val = val.FieldByName(goName(part))
		if !val.IsValid() {
			return reflect.Value{}, false
		}
	}
	return val, true
}

// assignPath sets the property at the end of a path, making the structures on
// the way where they are unset. An invalid val unsets it. What is behind a
// pointer is replaced by a changed copy, because answers that were read from
// the object may still be on their way to a client.
func assignPath(target reflect.Value, property string, val reflect.Value) error {
	parts := strings.Split(property, ".")
	for i, part := range parts {
		for target.Kind() == reflect.Ptr || target.Kind() == reflect.Interface {
			if target.IsNil() {
				if target.Kind() == reflect.Interface {
					return fmt.Errorf("%s is unset", strings.Join(parts[:i], "."))
				}
				target.Set(reflect.New(target.Type().Elem()))
			}
			target = unshare(target)
		}
		if target.Kind() != reflect.Struct {
			return fmt.Errorf("%s has no members", strings.Join(parts[:i], "."))
		}
		target = target.FieldByName(goName(part))
		if !target.IsValid() || !target.CanSet() {
			return fmt.Errorf("there is no %s", strings.Join(parts[:i+1], "."))
		}
	}
	if !val.IsValid() {
		target.Set(reflect.Zero(target.Type()))
		return nil
	}
	if target.Kind() == reflect.Ptr && val.Type() == target.Type().Elem() {
		fresh := reflect.New(val.Type())
		fresh.Elem().Set(val)
		val = fresh
	}
	if !val.Type().AssignableTo(target.Type()) {
		return fmt.Errorf("%s does not fit %s", val.Type(), target.Type())
	}
	target.Set(val)
	return nil
}

// unshare makes a pointer (or an interface that holds one) point to a copy of
// what it pointed to, and returns the copy.
func unshare(holder reflect.Value) reflect.Value {
	pointer := holder
	if holder.Kind() == reflect.Interface {
		pointer = holder.Elem()
		if pointer.Kind() != reflect.Ptr {
			return pointer
		}
	}
	fresh := reflect.New(pointer.Type().Elem())
	fresh.Elem().Set(pointer.Elem())
	holder.Set(fresh)
	return fresh.Elem()
}

// crossesBaseType tells whether a path goes through a property whose declared
// type is a base type; the library cannot follow those.
func crossesBaseType(kind reflect.Type, property string) bool {
	parts := strings.Split(property, ".")
	for i := 1; i < len(parts); i++ {
		t, ok := typeByPath(kind, strings.Join(parts[:i], "."))
		if !ok || t.Kind() == reflect.Interface {
			return true
		}
	}
	return false
}

// typeByPath returns the declared Go type of a property path, whether or not
// it is set. subtypes are tried where the declared type is a base type.
func typeByPath(t reflect.Type, property string) (reflect.Type, bool) {
	for _, part := range strings.Split(property, ".") {
		part = strings.SplitN(part, "[", 2)[0]
		next, ok := memberType(t, goName(part))
		if !ok {
			return nil, false
		}
		t = next
	}
	return t, true
}

// memberType looks one member up in a struct, behind a pointer, or behind one
// of the Go interfaces that stand for vSphere base types.
func memberType(t reflect.Type, name string) (reflect.Type, bool) {
	if t.Kind() == reflect.Ptr {
		t = t.Elem()
	}
	switch t.Kind() {
	case reflect.Struct:
		if t == timeType {
			return nil, false
		}
		if field, ok := t.FieldByName(name); ok && !field.Anonymous && field.PkgPath == "" {
			return field.Type, true
		}
	case reflect.Interface:
		for _, candidate := range concreteTypes(t) {
			if found, ok := memberType(candidate, name); ok {
				return found, true
			}
		}
	}
	return nil, false
}

// derivedTypes lists, per base type, the derived types whose own properties
// may appear in a property path.
var derivedTypes = map[string][]string{
	"ComputeResourceSummary":    {"ClusterComputeResourceSummary"},
	"ComputeResourceConfigInfo": {"ClusterConfigInfoEx"},
	"DatastoreInfo":             {"VmfsDatastoreInfo", "NasDatastoreInfo", "LocalDatastoreInfo"},
	"DVSConfigInfo":             {"VMwareDVSConfigInfo"},
	"NetworkSummary":            {"OpaqueNetworkSummary"},
	"ResourcePoolSummary":       {"VirtualAppSummary"},
	"VmConfigInfo":              {"VAppConfigInfo"},
}

// concreteTypes returns the struct types that a Base... interface stands for:
// the base type itself first, then the derived types known to this program.
func concreteTypes(iface reflect.Type) []reflect.Type {
	var list []reflect.Type
	base := strings.TrimPrefix(iface.Name(), "Base")
	for _, name := range append([]string{base}, derivedTypes[base]...) {
		if t, ok := dataTypeFunc(name); ok && t.Kind() == reflect.Struct {
			list = append(list, t)
		}
	}
	return list
}

// fromJSON converts a JSON value to a Go value of the wanted type: numbers,
// texts and enumerations, times (RFC 3339), references ("HostSystem:host-30"),
// lists, and structures by their member names. null means unset.
func fromJSON(raw json.RawMessage, want reflect.Type) (reflect.Value, error) {
	val := reflect.New(want).Elem()
	if string(raw) == "null" || len(raw) == 0 {
		return val, nil
	}
	switch {
	case want == timeType:
		var text string
		if err := json.Unmarshal(raw, &text); err != nil {
			return val, err
		}
		at, err := time.Parse(time.RFC3339Nano, text)
		if err != nil {
			return val, err
		}
		val.Set(reflect.ValueOf(at))
		return val, nil
	case want == refType:
		var text string
		if err := json.Unmarshal(raw, &text); err != nil {
			return val, err
		}
		parts := strings.SplitN(text, ":", 2)
		if len(parts) != 2 {
			return val, fmt.Errorf("%q is not a reference, write Type:id", text)
		}
		val.Set(reflect.ValueOf(ref{Type: parts[0], Value: parts[1]}))
		return val, nil
	}
	switch want.Kind() {
	case reflect.Ptr:
		inner, err := fromJSON(raw, want.Elem())
		if err != nil {
			return val, err
		}
		val.Set(reflect.New(want.Elem()))
		val.Elem().Set(inner)
		return val, nil
	case reflect.Slice:
		return sliceFromJSON(raw, want)
	case reflect.Struct:
		return structFromJSON(raw, want)
	case reflect.Interface:
		return interfaceFromJSON(raw, want)
	}
	err := json.Unmarshal(raw, val.Addr().Interface())
	return val, err
}

func sliceFromJSON(raw json.RawMessage, want reflect.Type) (reflect.Value, error) {
	var parts []json.RawMessage
	list := reflect.MakeSlice(want, 0, 0)
	if err := json.Unmarshal(raw, &parts); err != nil {
		return list, err
	}
	for _, part := range parts {
		item, err := fromJSON(part, want.Elem())
		if err != nil {
			return list, err
		}
		list = reflect.Append(list, item)
	}
	return list, nil
}

func structFromJSON(raw json.RawMessage, want reflect.Type) (reflect.Value, error) {
	var members map[string]json.RawMessage
	val := reflect.New(want).Elem()
	if err := json.Unmarshal(raw, &members); err != nil {
		return val, err
	}
	for name, part := range members {
		if name == "_type" {
			continue
		}
		field := val.FieldByName(goName(name))
		if !field.IsValid() || !field.CanSet() {
			return val, fmt.Errorf("%s has no member %q", want.Name(), name)
		}
		item, err := fromJSON(part, field.Type())
		if err != nil {
			return val, fmt.Errorf("%s: %w", name, err)
		}
		field.Set(item)
	}
	return val, nil
}

// interfaceFromJSON needs "_type" to name the structure. Where any value may
// stand, as in a setting of a VM, a text is one, too.
func interfaceFromJSON(raw json.RawMessage, want reflect.Type) (reflect.Value, error) {
	val := reflect.New(want).Elem()
	if want.NumMethod() == 0 && raw[0] == '"' {
		var text string
		err := json.Unmarshal(raw, &text)
		val.Set(reflect.ValueOf(text))
		return val, err
	}
	var tagged struct {
		Type string `json:"_type"`
	}
	if err := json.Unmarshal(raw, &tagged); err != nil {
		return val, err
	}
	kind, ok := dataTypeFunc(tagged.Type)
	if !ok {
		return val, fmt.Errorf("member \"_type\" must name a vSphere type, got %q", tagged.Type)
	}
	item, err := structFromJSON(raw, kind)
	if err != nil {
		return val, err
	}
	pointer := reflect.New(kind)
	pointer.Elem().Set(item)
	if !pointer.Type().AssignableTo(want) {
		return val, fmt.Errorf("%s does not fit %s", tagged.Type, want.Name())
	}
	val.Set(pointer)
	return val, nil
}
