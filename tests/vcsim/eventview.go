package main

import (
	"bytes"
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"github.com/vmware/govmomi/vim25/types"
)

// eventView is the part of the log that a query asks for by its beginning, as
// servers of API version 9.0 and later take it.
type eventView struct {
	start   int32
	forward bool
}

// eventViewFrom is the version from which on servers take it.
var eventViewFrom = []int{9, 0}

// eventViewElement finds it in a call. The library's older release does not
// know it, so the front turns it into a tag of the filter.
var (
	eventViewElement = regexp.MustCompile(`(?s)<(?:\w+:)?eventViewSpec\b.*</(?:\w+:)?eventViewSpec>`)
	startElement     = regexp.MustCompile(`<(?:\w+:)?startEventId>\s*(\d+)\s*<`)
	forwardElement   = regexp.MustCompile(`<(?:\w+:)?isForward>\s*(?:true|1)\s*<`)
	filterEnd        = regexp.MustCompile(`<filter\s*/>|</filter>`)
)

const eventViewTag = "vcsim-view:"

// tagEventView moves the view of a call to QueryEvents into its filter.
func tagEventView(body []byte) []byte {
	view := eventViewElement.Find(body)
	if view == nil {
		return body
	}
	start := "0"
	if found := startElement.FindSubmatch(view); found != nil {
		start = string(found[1])
	}
	direction := "older"
	if forwardElement.Match(view) {
		direction = "newer"
	}
	tag := fmt.Sprintf("<tag>%s%s:%s</tag></filter>", eventViewTag, direction, start)
	body = bytes.Replace(body, view, nil, 1)
	return filterEnd.ReplaceAllFunc(body, func(end []byte) []byte {
		if bytes.HasSuffix(end, []byte("/>")) {
			return []byte("<filter>" + tag)
		}
		return []byte(tag)
	})
}

// viewOf returns the view that a filter is tagged with.
func viewOf(filter *types.EventFilterSpec) *eventView {
	for _, tag := range filter.Tag {
		parts := strings.Split(strings.TrimPrefix(tag, eventViewTag), ":")
		if !strings.HasPrefix(tag, eventViewTag) || len(parts) != 2 {
			continue
		}
		start, err := strconv.ParseInt(parts[1], 10, 32)
		if err == nil {
			return &eventView{start: int32(start), forward: parts[0] == "newer"}
		}
	}
	return nil
}

// page returns the events next to the start, those nearest to it first.
func (v *eventView) page(list []logged, count int) []logged {
	var side []logged
	for _, entry := range list {
		key := entry.event.GetEvent().Key
		if (v.forward && key > v.start) || (!v.forward && key < v.start) {
			side = append(side, entry)
		}
	}
	if !v.forward {
		return newestFirst(side, count)
	}
	if len(side) > count {
		side = side[:count]
	}
	return side
}
