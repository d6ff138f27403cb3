package main

import (
	"fmt"
	"reflect"
	"regexp"

	"github.com/vmware/govmomi/vim25/types"
)

// keyedPath is a path to, or into, the element of a list that has a key, such
// as config.extraConfig["nvp.vm-uuid"] or host["host-20"].mountInfo.accessMode,
// which the library does not know.
var keyedPath = regexp.MustCompile(`^([A-Za-z.]+)\["([^"]*)"\](?:\.([A-Za-z.]+))?$`)

// keyedType returns the type at the end of a keyed path.
func keyedType(kind reflect.Type, path string) (reflect.Type, bool) {
	parts := keyedPath.FindStringSubmatch(path)
	if parts == nil {
		return nil, false
	}
	list, ok := pathType(kind, parts[1])
	if !ok || list.Kind() != reflect.Slice {
		return nil, false
	}
	if parts[3] == "" {
		return list.Elem(), true
	}
	return pathType(list.Elem(), parts[3])
}

// wholeLists puts lists in the place of the keyed paths into them, and tells
// which paths of which types those were.
func wholeLists(specs []types.PropertyFilterSpec) ([]types.PropertyFilterSpec, map[string][]string) {
	keyed := map[string][]string{}
	changed := make([]types.PropertyFilterSpec, len(specs))
	for i, spec := range specs {
		props := append([]types.PropertySpec(nil), spec.PropSet...)
		for j, prop := range props {
			seen := map[string]bool{}
			var paths []string
			for _, path := range prop.PathSet {
				if parts := keyedPath.FindStringSubmatch(path); parts != nil {
					keyed[prop.Type] = append(keyed[prop.Type], path)
					path = parts[1]
				}
				if !seen[path] {
					seen[path] = true
					paths = append(paths, path)
				}
			}
			props[j].PathSet = paths
		}
		spec.PropSet = props
		changed[i] = spec
	}
	return changed, keyed
}

// pickElements adds what keyed paths lead to. The lists stay: nobody minds
// a property that was not asked for.
func pickElements(objects []types.ObjectContent, keyed map[string][]string) {
	for i := range objects {
		object := &objects[i]
		lists := object.PropSet
		for _, path := range keyed[object.Obj.Type] {
			parts := keyedPath.FindStringSubmatch(path)
			for _, list := range lists {
				if list.Name != parts[1] {
					continue
				}
				if val, ok := element(reflect.ValueOf(list.Val), parts[2], parts[3]); ok {
					object.PropSet = append(object.PropSet, types.DynamicProperty{Name: path, Val: val})
				}
			}
		}
	}
}

// element looks into a list of the library, which wraps each in a structure.
func element(list reflect.Value, key, path string) (interface{}, bool) {
	list = reflect.Indirect(list)
	if list.Kind() == reflect.Struct && list.NumField() == 1 {
		list = list.Field(0)
	}
	if list.Kind() != reflect.Slice {
		return nil, false
	}
	for i := 0; i < list.Len(); i++ {
		own, ok := fieldByPath(list.Index(i), "key")
		if !ok {
			continue
		}
		name := fmt.Sprint(own.Interface())
		if target, ok := own.Interface().(ref); ok {
			name = target.Value
		}
		if name != key {
			continue
		}
		if path == "" {
			return list.Index(i).Interface(), true
		}
		val, ok := fieldByPath(list.Index(i), path)
		for ok && val.Kind() == reflect.Ptr {
			val, ok = val.Elem(), !val.IsNil()
		}
		if !ok {
			return nil, false
		}
		return val.Interface(), true
	}
	return nil, false
}
