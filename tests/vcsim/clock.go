package main

import (
	"fmt"
	"net/http"
	"time"
)

// currentTimeAnswer is the answer to CurrentTime.
const currentTimeAnswer = `<?xml version="1.0" encoding="UTF-8"?>
<soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/">` +
	`<soapenv:Body><CurrentTimeResponse xmlns="urn:vim25"><returnval>%s</returnval>` +
	`</CurrentTimeResponse></soapenv:Body></soapenv:Envelope>`

// answerCurrentTime tells the fixed time. The service instance, which would
// tell the real one, cannot be replaced in the library.
func answerCurrentTime(w http.ResponseWriter, at time.Time) {
	w.Header().Set("Content-Type", "text/xml; charset=utf-8")
	_, _ = fmt.Fprintf(w, currentTimeAnswer, at.Format(time.RFC3339Nano)) // the client left; nobody to tell
}
