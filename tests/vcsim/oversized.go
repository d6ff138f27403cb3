package main

import (
	"encoding/xml"
	"fmt"
	"net/http"
)

// oversized makes historical queries of more metrics than are allowed fail
// without a fault, as vCenter 8.0.3 does.
type oversized struct {
	// most is how many metrics a query may have; 0: the fault, or no limit.
	most int
}

// newOversized reads the flag -oversized-query.
func newOversized(answer string, most int) (oversized, error) {
	switch answer {
	case "", "fault":
		return oversized{}, nil
	case "500":
		return oversized{most: most}, nil
	}
	return oversized{}, fmt.Errorf("-oversized-query %q: write fault or 500", answer)
}

// refuses tells whether a call to QueryPerf is too large.
func (o oversized) refuses(body []byte) bool {
	if o.most <= 0 {
		return false
	}
	var call struct {
		Specs []struct {
			Interval int32      `xml:"intervalId"`
			Metrics  []struct{} `xml:"metricId"`
		} `xml:"Body>QueryPerf>querySpec"`
	}
	if xml.Unmarshal(body, &call) != nil {
		return false // the library says what is wrong with it
	}
	count := 0
	for _, spec := range call.Specs {
		if spec.Interval != realTime {
			count += len(spec.Metrics)
		}
	}
	return count > o.most
}

// bareError answers with a status and no fault.
func bareError(w http.ResponseWriter, status int) {
	http.Error(w, http.StatusText(status), status)
}
