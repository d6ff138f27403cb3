package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"
)

// serverClock is the clock that samples and CurrentTime go by: the real one
// until a test stops or moves it.
type serverClock struct {
	mu    sync.Mutex
	fixed time.Time
	shift time.Duration
}

// now is the server's time.
func (c *serverClock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.fixed.IsZero() {
		return time.Now().UTC().Add(c.shift)
	}
	return c.fixed.Add(c.shift)
}

// isReal tells whether the library would tell the same time.
func (c *serverClock) isReal() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.fixed.IsZero() && c.shift == 0
}

// clockRequest is the body of POST /clock.
type clockRequest struct {
	// Advance moves the clock by so many seconds, backwards if negative.
	Advance float64 `json:"advance"`
	// Time stops it at this moment.
	Time *time.Time `json:"time"`
}

// setClock stops or moves the clock and answers what it says then.
func (a *admin) setClock(body []byte) (interface{}, error) {
	var req clockRequest
	if err := json.Unmarshal(body, &req); err != nil {
		return nil, err
	}
	if req.Time == nil && req.Advance == 0 {
		return nil, errors.New("write advance or time")
	}
	clock := a.world.clock
	clock.mu.Lock()
	if req.Time != nil {
		clock.fixed, clock.shift = req.Time.UTC(), 0
	}
	clock.shift += time.Duration(req.Advance * float64(time.Second))
	clock.mu.Unlock()
	return map[string]string{"time": clock.now().Format(time.RFC3339Nano)}, nil
}

// currentTimeAnswer is the answer to CurrentTime.
const currentTimeAnswer = `<?xml version="1.0" encoding="UTF-8"?>
<soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/">` +
	`<soapenv:Body><CurrentTimeResponse xmlns="urn:vim25"><returnval>%s</returnval>` +
	`</CurrentTimeResponse></soapenv:Body></soapenv:Envelope>`

// answerCurrentTime tells the time of our clock. The service instance, which
// would tell the real one, cannot be replaced in the library.
func answerCurrentTime(w http.ResponseWriter, at time.Time) {
	w.Header().Set("Content-Type", "text/xml; charset=utf-8")
	_, _ = fmt.Fprintf(w, currentTimeAnswer, at.Format(time.RFC3339Nano)) // the client left; nobody to tell
}
