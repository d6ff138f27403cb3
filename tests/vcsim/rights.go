package main

import (
	"strings"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/types"
)

// sight is what a limited account sees of the inventory. nil sees everything.
type sight struct {
	reg  *simulator.Registry
	gone bool
	// alone says that the rights do not propagate.
	alone bool
	// roots are what the account has rights on, and on all below.
	roots map[ref]bool
	// above are the objects on the way from the roots up. Their names and
	// places are known, nothing else.
	above map[ref]bool
}

// sightOf returns what the user of a session sees.
func sightOf(ctx *simulator.Context) *sight {
	if ctx.Session == nil {
		return nil
	}
	return sightOfUser(ctx.Map, ctx.Session.UserName)
}

// sightOfUser returns what a user sees.
func sightOfUser(reg *simulator.Registry, user string) *sight {
	if !accounts.someLimited() {
		return nil
	}
	a, ok := accounts.get(user)
	if !ok || !a.limited {
		return nil
	}
	s := &sight{reg: reg, gone: a.gone, alone: a.alone, roots: map[ref]bool{}, above: map[ref]bool{}}
	for _, root := range a.below {
		s.roots[root] = true
		s.climb(root)
	}
	return s
}

// climb notes everything above an object.
func (s *sight) climb(obj ref) {
	for _, parent := range parentsOf(s.reg, obj) {
		if !s.above[parent] {
			s.above[parent] = true
			s.climb(parent)
		}
	}
}

// parentsOf lists what an object inherits rights from: its parent, and for a
// VM also the pool and the host it runs in.
func parentsOf(reg *simulator.Registry, obj ref) []ref {
	entity, ok := reg.Get(obj).(mo.Entity)
	if !ok {
		return nil
	}
	var parents []ref
	if parent := entity.Entity().Parent; parent != nil {
		parents = append(parents, *parent)
	}
	if vm, ok := entity.(*simulator.VirtualMachine); ok {
		if vm.ResourcePool != nil {
			parents = append(parents, *vm.ResourcePool)
		}
		if vm.Runtime.Host != nil {
			parents = append(parents, *vm.Runtime.Host)
		}
	}
	return parents
}

// sees tells whether an object may be read. Objects that are not part of the
// inventory tree may.
func (s *sight) sees(obj ref) bool {
	if s == nil || s.roots[obj] {
		return true
	}
	if _, ok := s.reg.Get(obj).(mo.Entity); !ok {
		return true
	}
	if s.alone {
		return false
	}
	for _, parent := range parentsOf(s.reg, obj) {
		if isAtOrBelow(s.reg, parent, s.roots) {
			return true
		}
	}
	return false
}

// knows tells whether at least an object's name may be read.
func (s *sight) knows(obj ref) bool {
	return s == nil || s.above[obj] || s.sees(obj)
}

// misses tells whether an object does not exist for the account.
func (s *sight) misses(obj ref) bool {
	return s != nil && s.gone && !s.knows(obj)
}

// isAtOrBelow tells whether an object is one of those or has one above it.
func isAtOrBelow(reg *simulator.Registry, obj ref, roots map[ref]bool) bool {
	if roots[obj] {
		return true
	}
	for _, parent := range parentsOf(reg, obj) {
		if isAtOrBelow(reg, parent, roots) {
			return true
		}
	}
	return false
}

// viewable are the properties that need no more than the right to know of an
// object.
var viewable = map[string]bool{
	"name": true, "parent": true, "childEntity": true, "childType": true,
	"vmFolder": true, "hostFolder": true, "datastoreFolder": true, "networkFolder": true,
}

// restrict takes out of an answer what the account may not see: objects that
// were found are left out, objects that were named have their properties among
// the missing ones.
func (s *sight) restrict(specs []types.PropertyFilterSpec, objects []types.ObjectContent) []types.ObjectContent {
	if s == nil {
		return objects
	}
	asked := map[ref]bool{}
	for _, spec := range specs {
		for _, target := range spec.ObjectSet {
			asked[target.Obj] = true
		}
	}
	kept := objects[:0:0]
	for _, content := range objects {
		switch {
		case s.sees(content.Obj):
			s.shorten(&content)
		case s.above[content.Obj]:
			s.refuse(&content, specs, "System.Read", viewable)
			s.shorten(&content)
		case asked[content.Obj] && !s.gone:
			s.refuse(&content, specs, "System.View", nil)
		default:
			continue
		}
		kept = append(kept, content)
	}
	return kept
}

// refuse moves all properties that were asked for, except some, to the missing
// ones, whether or not they have a value.
func (s *sight) refuse(content *types.ObjectContent, specs []types.PropertyFilterSpec, privilege string, except map[string]bool) {
	paths := askedPaths(specs, *content)
	var kept []types.DynamicProperty
	for _, property := range content.PropSet {
		if except[property.Name] {
			kept = append(kept, property)
		}
	}
	content.PropSet, content.MissingSet = kept, nil
	seen := map[string]bool{}
	for _, path := range paths {
		if !seen[path] && !except[path] {
			content.MissingSet = append(content.MissingSet, missing(path, content.Obj, privilege))
		}
		seen[path] = true
	}
}

// askedPaths lists the properties that were asked of an object; where all were,
// those that it has.
func askedPaths(specs []types.PropertyFilterSpec, content types.ObjectContent) []string {
	var paths []string
	for _, spec := range specs {
		if wanted := wantedPaths(spec.PropSet, content.Obj); wanted != nil {
			paths = append(paths, wanted...)
			continue
		}
		for _, property := range content.PropSet {
			paths = append(paths, property.Name)
		}
	}
	return paths
}

// missing is a property that may not be read for want of a privilege.
func missing(path string, obj ref, privilege string) types.MissingProperty {
	return types.MissingProperty{
		Path: path,
		Fault: types.LocalizedMethodFault{
			Fault:            permissionFault(obj, privilege),
			LocalizedMessage: permissionDenied,
		},
	}
}

// shorten takes hidden objects out of the lists that views and folders show,
// and a hidden event out of the event manager.
func (s *sight) shorten(content *types.ObjectContent) {
	for i := range content.PropSet {
		property := &content.PropSet[i]
		if event, ok := property.Val.(types.BaseEvent); ok && property.Name == "latestEvent" && !s.seesEvent(event) {
			content.PropSet = append(content.PropSet[:i:i], content.PropSet[i+1:]...)
			return
		}
		if property.Name != "view" && property.Name != "childEntity" {
			continue
		}
		switch list := property.Val.(type) {
		case types.ArrayOfManagedObjectReference:
			property.Val = types.ArrayOfManagedObjectReference{ManagedObjectReference: s.known(list.ManagedObjectReference)}
		case *types.ArrayOfManagedObjectReference:
			property.Val = &types.ArrayOfManagedObjectReference{ManagedObjectReference: s.known(list.ManagedObjectReference)}
		}
	}
}

// known are the objects of a list that the account may know of.
func (s *sight) known(list []ref) []ref {
	kept := []ref{}
	for _, obj := range list {
		if s.knows(obj) {
			kept = append(kept, obj)
		}
	}
	return kept
}

// readsProperties are the methods that answer about every object by itself.
var readsProperties = map[string]bool{
	"RetrieveProperties": true, "RetrievePropertiesEx": true, "Fetch": true, "CreateFilter": true,
	"CreateListView": true, "ModifyListView": true, "ResetListView": true,
}

// forbids returns the fault for a call about an object that the account may
// not see, or, where statistics are asked for, may not read.
func (s *sight) forbids(method string, about []ref) *wireFault {
	if s == nil || readsProperties[method] {
		return nil
	}
	for _, obj := range about {
		switch {
		case s.misses(obj):
			return wireNotFound(obj)
		case !s.knows(obj):
			return wireNoPermission(obj, "System.View")
		case strings.HasPrefix(method, "Query") && !s.sees(obj):
			return wireNoPermission(obj, "System.Read")
		}
	}
	return nil
}
