package main

import (
	"fmt"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25"
	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/soap"
	"github.com/vmware/govmomi/vim25/types"
)

// propertyCollector is the library's, made stricter: no reads without a
// session, a fault for a wrong property path, pages where pages are asked for.
//
// The library makes a new one per session by copying the type of the one that
// is registered, so state that must outlive a call is kept in desk.
type propertyCollector struct {
	simulator.PropertyCollector
}

// installCollector puts our collector where the library's was.
func installCollector(w *world) error {
	self := w.content().PropertyCollector
	if w.reg.Get(self) == nil {
		return fmt.Errorf("the model has no property collector")
	}
	own := &propertyCollector{}
	own.Self = self
	w.reg.Put(own)
	return nil
}

// RetrievePropertiesEx reads properties once, in pages of at most
// options.maxObjects objects.
func (pc *propertyCollector) RetrievePropertiesEx(ctx *simulator.Context, req *types.RetrievePropertiesEx) soap.HasFault {
	body := &methods.RetrievePropertiesExBody{}
	objects, err := pc.read(ctx, req.SpecSet)
	if err != nil {
		body.Fault_ = err
		return body
	}
	page := desk.firstPage(sessionKey(ctx), objects, int(req.Options.MaxObjects))
	body.Res = &types.RetrievePropertiesExResponse{Returnval: page}
	return body
}

// RetrieveProperties is the older form, never paged.
func (pc *propertyCollector) RetrieveProperties(ctx *simulator.Context, req *types.RetrieveProperties) soap.HasFault {
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
func (pc *propertyCollector) ContinueRetrievePropertiesEx(ctx *simulator.Context, req *types.ContinueRetrievePropertiesEx) soap.HasFault {
	body := &methods.ContinueRetrievePropertiesExBody{}
	page := desk.nextPage(sessionKey(ctx), req.Token)
	if page == nil {
		body.Fault_ = invalidToken()
		return body
	}
	body.Res = &types.ContinueRetrievePropertiesExResponse{Returnval: *page}
	return body
}

// CancelRetrievePropertiesEx drops the pages that are left.
func (pc *propertyCollector) CancelRetrievePropertiesEx(ctx *simulator.Context, req *types.CancelRetrievePropertiesEx) soap.HasFault {
	body := &methods.CancelRetrievePropertiesExBody{}
	if !desk.drop(sessionKey(ctx), req.Token) {
		body.Fault_ = invalidToken()
		return body
	}
	body.Res = &types.CancelRetrievePropertiesExResponse{}
	return body
}

func invalidToken() *soap.Fault {
	return fault("A specified parameter was not correct: token", &types.InvalidArgument{InvalidProperty: "token"})
}

// read checks a request and lets the library collect.
func (pc *propertyCollector) read(ctx *simulator.Context, specs []types.PropertyFilterSpec) ([]types.ObjectContent, *soap.Fault) {
	if ctx.Session == nil {
		return readWithoutSession(ctx, specs)
	}
	if err := checkPaths(specs); err != nil {
		return nil, err
	}
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
