package main

import (
	"reflect"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/soap"
	"github.com/vmware/govmomi/vim25/types"
)

// FetchResponse is the answer to Fetch. The name is the element's name.
type FetchResponse struct {
	Returnval types.AnyType `xml:"returnval,omitempty,typeattr"`
}

// fetchBody carries the answer to Fetch.
type fetchBody struct {
	Res    *FetchResponse `xml:"FetchResponse,omitempty"`
	Fault_ *soap.Fault    `xml:"http://schemas.xmlsoap.org/soap/envelope/ Fault,omitempty"`
}

// Fault implements soap.HasFault.
func (b *fetchBody) Fault() *soap.Fault { return b.Fault_ }

// Fetch reads one property of one object, as some clients do at every access
// of an attribute; an unset property is an empty answer. The request's type is
// internal to the library, hence the reflection.
func (pc *strictCollector) Fetch(ctx *simulator.Context, req interface{}) soap.HasFault {
	body := &fetchBody{}
	call := reflect.ValueOf(req).Elem()
	this, ok := call.FieldByName("This").Interface().(ref)
	if !ok {
		body.Fault_ = invalidArgument("_this")
		return body
	}
	objects, err := pc.read(ctx, []types.PropertyFilterSpec{{
		PropSet:   []types.PropertySpec{{Type: this.Type, PathSet: []string{call.FieldByName("Prop").String()}}},
		ObjectSet: []types.ObjectSpec{{Obj: this}},
	}})
	if err != nil {
		body.Fault_ = err
		return body
	}
	body.Res = &FetchResponse{}
	if len(objects) == 1 && len(objects[0].PropSet) == 1 {
		body.Res.Returnval = objects[0].PropSet[0].Val
	}
	return body
}
