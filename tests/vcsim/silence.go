package main

import (
	"encoding/json"
	"sync"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/soap"
	"github.com/vmware/govmomi/vim25/types"
)

// silence says which new filters never bring a value.
var silence struct {
	sync.Mutex
	silenceRequest
}

// silenceRequest is the body of POST /filters/silence.
type silenceRequest struct {
	// Next is how many of the filters made next are silent.
	Next int `json:"next"`
	// Type counts only filters that ask for properties of this type.
	Type string `json:"type"`
}

// silenceFilters is POST /filters/silence.
func (a *admin) silenceFilters(body []byte) (interface{}, error) {
	var req silenceRequest
	if err := json.Unmarshal(body, &req); err != nil {
		return nil, err
	}
	silence.Lock()
	defer silence.Unlock()
	silence.silenceRequest = req
	return done, nil
}

// staysSilent tells whether a new filter is to bring nothing, and counts it.
func staysSilent(spec types.PropertyFilterSpec) bool {
	silence.Lock()
	defer silence.Unlock()
	if silence.Next <= 0 {
		return false
	}
	meant := silence.Type == ""
	for _, props := range spec.PropSet {
		meant = meant || props.Type == silence.Type
	}
	if meant {
		silence.Next--
	}
	return meant
}

// silentFilter is a filter that no collector looks at.
type silentFilter struct {
	mo.PropertyFilter
}

// createSilent makes a filter that never brings a value.
func createSilent(ctx *simulator.Context, req *types.CreateFilter) soap.HasFault {
	filter := &silentFilter{}
	filter.Self.Type = "PropertyFilter"
	filter.Spec = req.Spec
	filter.PartialUpdates = req.PartialUpdates
	self := ctx.Session.Put(filter).Reference()
	return &methods.CreateFilterBody{Res: &types.CreateFilterResponse{Returnval: self}}
}

// DestroyPropertyFilter ends the filter.
func (f *silentFilter) DestroyPropertyFilter(ctx *simulator.Context, _ *types.DestroyPropertyFilter) soap.HasFault {
	forget(ctx, f.Self)
	return &methods.DestroyPropertyFilterBody{Res: &types.DestroyPropertyFilterResponse{}}
}
