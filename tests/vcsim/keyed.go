package main

import (
	"fmt"
	"reflect"
	"regexp"
	"strings"

	"github.com/vmware/govmomi/vim25/types"
)

// keyedPath is a path to, or into, the element of a list that has a key, such
// as config.extraConfig["nvp.vm-uuid"], host["host-20"].mountInfo.accessMode or
// config.hardware.device[2000], which the library does not know.
var keyedPath = regexp.MustCompile(`^([A-Za-z.]+)\[("[^"]*"|-?\d+)\](?:\.([A-Za-z.]+))?$`)

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

// keyedPaths are the keyed paths that were asked of a type, and the lists that
// only they lead into.
type keyedPaths struct {
	paths []string
	lists map[string]bool
}

// wholeLists puts lists in the place of the keyed paths into them, and tells
// which paths of which types those were.
func wholeLists(specs []types.PropertyFilterSpec) ([]types.PropertyFilterSpec, map[string]keyedPaths) {
	keyed := map[string]keyedPaths{}
	changed := make([]types.PropertyFilterSpec, len(specs))
	for i, spec := range specs {
		props := append([]types.PropertySpec(nil), spec.PropSet...)
		for j, prop := range props {
			seen := map[string]bool{}
			var paths []string
			own := keyed[prop.Type]
			if own.lists == nil {
				own.lists = map[string]bool{}
			}
			for _, path := range prop.PathSet {
				if parts := keyedPath.FindStringSubmatch(path); parts != nil {
					own.paths = append(own.paths, path)
					path = parts[1]
					own.lists[path] = true
				}
				if !seen[path] {
					seen[path] = true
					paths = append(paths, path)
				}
			}
			for _, path := range prop.PathSet {
				delete(own.lists, path)
			}
			keyed[prop.Type] = own
			props[j].PathSet = paths
		}
		spec.PropSet = props
		changed[i] = spec
	}
	return changed, keyed
}

// pickElements puts what keyed paths lead to in the place of the lists.
func pickElements(objects []types.ObjectContent, keyed map[string]keyedPaths) {
	for i := range objects {
		object := &objects[i]
		own := keyed[object.Obj.Type]
		lists := object.PropSet
		var kept []types.DynamicProperty
		for _, property := range lists {
			if !own.lists[property.Name] {
				kept = append(kept, property)
			}
		}
		for _, path := range own.paths {
			parts := keyedPath.FindStringSubmatch(path)
			for _, list := range lists {
				if list.Name != parts[1] {
					continue
				}
				if val, ok := element(reflect.ValueOf(list.Val), strings.Trim(parts[2], `"`), parts[3]); ok {
					kept = append(kept, types.DynamicProperty{Name: path, Val: val})
				}
			}
		}
		object.PropSet = kept
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
