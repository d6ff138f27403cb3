package main

import (
	"fmt"
	"sync"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25"
	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/soap"
	"github.com/vmware/govmomi/vim25/types"
)

// strictCollector is the library's property collector, made stricter: no reads
// without a session, a fault for a wrong property path, pages where pages are
// asked for. Waiting for updates is left to the library.
//
// The library makes a new one per session by copying the type of the one that
// is registered, so state that must outlive a call is kept in desk.
type strictCollector struct {
	simulator.PropertyCollector
}

// installCollector puts our collector where the library's was: the one that
// also sends updates itself, or the one that leaves them to the library.
func installCollector(w *world) error {
	self := w.content().PropertyCollector
	if w.reg.Get(self) == nil {
		return fmt.Errorf("the model has no property collector")
	}
	if !w.libraryUpdates {
		own := &feedingCollector{}
		own.Self = self
		w.reg.Put(own)
		return nil
	}
	own := &strictCollector{}
	own.Self = self
	w.reg.Put(own)
	return nil
}

// CreateFilter checks what vCenter checks before it starts to watch.
func (pc *strictCollector) CreateFilter(ctx *simulator.Context, req *types.CreateFilter) soap.HasFault {
	if err := checkFilter(ctx, req.Spec); err != nil {
		return &methods.CreateFilterBody{Fault_: err}
	}
	if staysSilent(req.Spec) {
		return createSilent(ctx, req)
	}
	// An object that disappears later must not fail every wait.
	req.Spec.ReportMissingObjectsInResults = types.NewBool(true)
	return pc.PropertyCollector.CreateFilter(ctx, req)
}

// CreatePropertyCollector makes one more collector of the strict kind.
func (pc *strictCollector) CreatePropertyCollector(ctx *simulator.Context, _ *types.CreatePropertyCollector) soap.HasFault {
	made := &strictCollector{}
	made.Self.Type = "PropertyCollector"
	return collectorCreated(ctx, made)
}

// collectorCreated enters a collector into the session that asked for it.
func collectorCreated(ctx *simulator.Context, made mo.Reference) soap.HasFault {
	return &methods.CreatePropertyCollectorBody{
		Res: &types.CreatePropertyCollectorResponse{Returnval: ctx.Session.Put(made).Reference()},
	}
}

// checkFilter returns the fault of a filter specification that vCenter would
// not take.
func checkFilter(ctx *simulator.Context, spec types.PropertyFilterSpec) *soap.Fault {
	if err := checkPaths([]types.PropertyFilterSpec{spec}); err != nil {
		return err
	}
	return checkTargets(ctx, []types.PropertyFilterSpec{spec})
}

// checkTargets returns the fault about the first object named in a request
// that is not there, unless the request takes that.
func checkTargets(ctx *simulator.Context, specs []types.PropertyFilterSpec) *soap.Fault {
	seen := sightOf(ctx)
	for _, spec := range specs {
		if spec.ReportMissingObjectsInResults != nil && *spec.ReportMissingObjectsInResults {
			continue
		}
		for _, target := range spec.ObjectSet {
			if ctx.Session.Get(target.Obj) == nil || seen.misses(target.Obj) {
				return objectGone(target.Obj)
			}
		}
	}
	return nil
}

// RetrievePropertiesEx reads properties once, in pages of at most
// options.maxObjects objects.
func (pc *strictCollector) RetrievePropertiesEx(ctx *simulator.Context, req *types.RetrievePropertiesEx) soap.HasFault {
	body := &methods.RetrievePropertiesExBody{}
	objects, err := pc.read(ctx, req.SpecSet)
	if err != nil {
		body.Fault_ = err
		return body
	}
	page := desk.firstPage(sessionKey(ctx), objects, pageSize(int(req.Options.MaxObjects)))
	body.Res = &types.RetrievePropertiesExResponse{Returnval: page}
	return body
}

// RetrieveProperties is the older form, never paged.
func (pc *strictCollector) RetrieveProperties(ctx *simulator.Context, req *types.RetrieveProperties) soap.HasFault {
	body := &methods.RetrievePropertiesBody{}
	objects, err := pc.read(ctx, req.SpecSet)
	if err != nil {
		body.Fault_ = err
		return body
	}
	body.Res = &types.RetrievePropertiesResponse{Returnval: objects}
	return body
}

// ContinueRetrievePropertiesEx returns the next page. A token serves once.
func (pc *strictCollector) ContinueRetrievePropertiesEx(ctx *simulator.Context, req *types.ContinueRetrievePropertiesEx) soap.HasFault {
	body := &methods.ContinueRetrievePropertiesExBody{}
	if nextPageRefused() {
		body.Fault_ = fault(permissionDenied, permissionFault(contentOf(ctx.Map).RootFolder, "System.View"))
		return body
	}
	page := desk.nextPage(sessionKey(ctx), req.Token)
	if page == nil {
		body.Fault_ = invalidToken()
		return body
	}
	body.Res = &types.ContinueRetrievePropertiesExResponse{Returnval: *page}
	return body
}

// CancelRetrievePropertiesEx drops the pages that are left.
func (pc *strictCollector) CancelRetrievePropertiesEx(ctx *simulator.Context, req *types.CancelRetrievePropertiesEx) soap.HasFault {
	body := &methods.CancelRetrievePropertiesExBody{}
	if !desk.drop(sessionKey(ctx), req.Token) {
		body.Fault_ = invalidToken()
		return body
	}
	body.Res = &types.CancelRetrievePropertiesExResponse{}
	return body
}

func invalidToken() *soap.Fault {
	return invalidArgument("token")
}

// read checks a request and lets the library collect.
func (pc *strictCollector) read(ctx *simulator.Context, specs []types.PropertyFilterSpec) ([]types.ObjectContent, *soap.Fault) {
	if ctx.Session == nil {
		return readWithoutSession(ctx, specs)
	}
	if err := checkPaths(specs); err != nil {
		return nil, err
	}
	if err := checkTargets(ctx, specs); err != nil {
		return nil, err
	}
	whole, keyed := wholeLists(specs)
	objects, err := pc.library(ctx, whole...)
	pickElements(objects, keyed)
	gone, objects := vanished.first(specs, objects)
	if gone != nil {
		return nil, objectGone(*gone)
	}
	return censor(ctx, specs, objects), err
}

// inventory is held for writing while VMs come and go, and for reading while
// the library reads: it walks views and lists without locking them.
var inventory sync.RWMutex

// library lets the library's collector read.
func (pc *strictCollector) library(ctx *simulator.Context, specs ...types.PropertyFilterSpec) ([]types.ObjectContent, *soap.Fault) {
	inventory.RLock()
	defer inventory.RUnlock()
	reply := pc.PropertyCollector.RetrievePropertiesEx(ctx, &types.RetrievePropertiesEx{This: pc.Self, SpecSet: specs})
	if reply.Fault() != nil {
		return nil, reply.Fault()
	}
	body, ok := reply.(*methods.RetrievePropertiesExBody)
	if !ok || body.Res == nil || body.Res.Returnval == nil {
		return nil, nil
	}
	return body.Res.Returnval.Objects, nil
}

// readWithoutSession answers what vCenter answers to anyone: the service
// content, and that there is no current session.
func readWithoutSession(ctx *simulator.Context, specs []types.PropertyFilterSpec) ([]types.ObjectContent, *soap.Fault) {
	var objects []types.ObjectContent
	for _, spec := range specs {
		for _, target := range spec.ObjectSet {
			for _, props := range spec.PropSet {
				for _, path := range props.PathSet {
					content := types.ObjectContent{Obj: target.Obj}
					switch {
					case target.Obj == vim25.ServiceInstance && path == "content":
						instance, ok := ctx.Map.Get(vim25.ServiceInstance).(*simulator.ServiceInstance)
						if !ok {
							return nil, notAuthenticated(target.Obj)
						}
						content.PropSet = []types.DynamicProperty{{Name: path, Val: instance.Content}}
					case target.Obj.Type == "SessionManager" && path == "currentSession":
						// exists, but is unset
					default:
						return nil, notAuthenticated(target.Obj)
					}
					objects = append(objects, content)
				}
			}
		}
	}
	if len(objects) == 0 {
		return nil, notAuthenticated(ref{Type: "PropertyCollector", Value: "propertyCollector"})
	}
	return objects, nil
}

// sessionKey names the session of a call, empty without one.
func sessionKey(ctx *simulator.Context) string {
	if ctx.Session == nil {
		return ""
	}
	return ctx.Session.Key
}
