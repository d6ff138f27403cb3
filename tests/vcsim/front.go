package main

import (
	"bytes"
	"encoding/xml"
	"io"
	"net/http"
	"regexp"
	"strings"
	"sync"
	"time"

	"github.com/vmware/govmomi/vim25/soap"
)

// maxRequest bounds how much of a request body is read.
const maxRequest = 32 << 20

// front stands before the library's HTTP handler: it counts calls, delays
// them, rewrites the cookie, and answers the admin endpoints.
type front struct {
	world        *world
	admin        *http.ServeMux
	next         http.Handler
	calls        *callCounter
	delay        time.Duration
	quotedCookie bool
	// eventViews says that QueryEvents takes a view.
	eventViews bool
	oversized  oversized
}

func newFront(w *world, s *site, churn *churner, next http.Handler, opts *options) *front {
	f := &front{
		world:        w,
		next:         next,
		calls:        newCallCounter(),
		delay:        opts.delay,
		quotedCookie: opts.quotedCookie,
		oversized:    opts.oversized,
		eventViews:   isFrom(opts.apiVersion, eventViewFrom),
	}
	f.admin = adminMux(w, s, churn, f.calls)
	return f
}

// ServeHTTP implements http.Handler.
func (f *front) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if _, pattern := f.admin.Handler(r); pattern != "" {
		f.admin.ServeHTTP(w, r)
		return
	}
	out := &countingWriter{ResponseWriter: w, quoted: f.quotedCookie}
	if versions.answered(out, r) {
		return
	}
	if r.Method != http.MethodPost || !strings.HasPrefix(r.URL.Path, "/sdk") {
		f.next.ServeHTTP(out, r)
		return
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxRequest))
	if err != nil {
		http.Error(w, "request too long or cut short", http.StatusBadRequest)
		return
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	method := soapMethod(body)
	if method == "Login" {
		body = checkLogin(body)
		r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	}
	if method == "QueryEvents" && f.eventViews {
		body = tagEventView(body)
	}
	if method == "CreateCollectorForEvents" || method == "QueryEvents" {
		body = f.toEventLog(body)
		r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	}
	f.calls.begin(method, len(body))
	askedFor.note(method, body)
	if f.delay > 0 {
		time.Sleep(f.delay) // the slowness is what is being simulated
	}
	if refused := f.refusal(r, method, body); refused != nil {
		refused.answer(out)
		f.calls.end(method, out.written)
		return
	}
	if method == "QueryPerf" && f.oversized.refuses(body) {
		bareError(out, http.StatusInternalServerError)
		f.calls.end(method, out.written)
		return
	}
	switch method {
	case "WaitForUpdatesEx", "WaitForUpdates":
		over := make(chan struct{})
		go endWhenClientLeaves(r, body, over)
		f.next.ServeHTTP(out, r)
		close(over)
	case "Logout", "TerminateSession":
		f.next.ServeHTTP(out, r)
		f.world.dropEndedSessions()
	case "CurrentTime":
		if f.world.clock.isReal() {
			f.next.ServeHTTP(out, r)
		} else {
			answerCurrentTime(out, f.world.clock.now())
		}
	default:
		f.next.ServeHTTP(out, r)
	}
	f.calls.end(method, out.written)
}

// toEventLog turns a call of the event manager into one of our own, which
// cannot take the other's place: the library looks for its own there.
func (f *front) toEventLog(body []byte) []byte {
	at := thisElement.FindSubmatchIndex(body)
	manager := f.world.content().EventManager
	if at == nil || manager == nil || string(body[at[2]:at[3]]) != manager.Value {
		return body
	}
	return bytes.Join([][]byte{body[:at[2]], []byte(f.world.events.self.Value), body[at[3]:]}, nil)
}

// thisElement finds the object a call is made on.
var thisElement = regexp.MustCompile(`<(?:\w+:)?_this\b[^>]*>([^<]*)<`)

// endWhenClientLeaves ends a wait whose client closed the connection, so that
// it does not take the updates meant for the client's next call.
func endWhenClientLeaves(r *http.Request, body []byte, over <-chan struct{}) {
	select {
	case <-over:
		return
	case <-r.Context().Done():
		select {
		case <-over:
			return // answered; the server ends the context then
		default:
		}
	}
	cookie, err := r.Cookie(soap.SessionCookieName)
	this := thisElement.FindSubmatch(body)
	if err == nil && this != nil {
		feeds.interrupt(feedKey{session: cookie.Value, collector: string(this[1])})
	}
}

// soapMethod returns the name of the first element in the SOAP body.
func soapMethod(envelope []byte) string {
	decoder := xml.NewDecoder(bytes.NewReader(envelope))
	inBody := false
	for {
		token, err := decoder.Token()
		if err != nil {
			return "(unreadable)"
		}
		start, ok := token.(xml.StartElement)
		switch {
		case !ok:
		case inBody:
			return start.Name.Local
		case start.Name.Local == "Body":
			inBody = true
		}
	}
}

// countingWriter counts what is sent and, if asked to, quotes the session
// cookie the way vCenter does.
type countingWriter struct {
	http.ResponseWriter
	written int
	quoted  bool
	started bool
}

// WriteHeader implements http.ResponseWriter.
func (c *countingWriter) WriteHeader(status int) {
	if !c.started && c.quoted {
		quoteCookies(c.Header())
	}
	c.started = true
	c.ResponseWriter.WriteHeader(status)
}

// Write implements http.ResponseWriter.
func (c *countingWriter) Write(p []byte) (int, error) {
	if !c.started {
		c.WriteHeader(http.StatusOK)
	}
	n, err := c.ResponseWriter.Write(p)
	c.written += n
	return n, err
}

// quoteCookies turns name=value; attributes into name="value"; attributes.
func quoteCookies(header http.Header) {
	cookies := header["Set-Cookie"]
	for i, cookie := range cookies {
		equals := strings.IndexByte(cookie, '=')
		if equals < 0 {
			continue
		}
		value, attributes := cookie[equals+1:], ""
		if end := strings.IndexByte(value, ';'); end >= 0 {
			value, attributes = value[:end], value[end:]
		}
		if !strings.HasPrefix(value, `"`) {
			cookies[i] = cookie[:equals+1] + `"` + value + `"` + attributes
		}
	}
}

// callCounter counts requests by SOAP method name.
type callCounter struct {
	mu       sync.Mutex
	total    int
	methods  map[string]int
	bytesIn  int64
	bytesOut int64
	// bytesOf is what bytesOut consists of, by method.
	bytesOf map[string]int64
}

// callReport is what GET /calls answers.
type callReport struct {
	Total    int            `json:"total"`
	Methods  map[string]int `json:"methods"`
	BytesIn  int64          `json:"bytes_in"`
	BytesOut int64          `json:"bytes_out"`
	// BytesOf is what BytesOut consists of, by method.
	BytesOf map[string]int64 `json:"bytes_of"`
}

func newCallCounter() *callCounter {
	return &callCounter{methods: map[string]int{}, bytesOf: map[string]int64{}}
}

func (c *callCounter) begin(method string, size int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.total++
	c.methods[method]++
	c.bytesIn += int64(size)
}

func (c *callCounter) end(method string, size int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.bytesOut += int64(size)
	c.bytesOf[method] += int64(size)
}

func (c *callCounter) report() callReport {
	c.mu.Lock()
	defer c.mu.Unlock()
	copied := make(map[string]int, len(c.methods))
	for name, count := range c.methods {
		copied[name] = count
	}
	bytesOf := make(map[string]int64, len(c.bytesOf))
	for name, size := range c.bytesOf {
		bytesOf[name] = size
	}
	return callReport{Total: c.total, Methods: copied, BytesIn: c.bytesIn, BytesOut: c.bytesOut, BytesOf: bytesOf}
}

func (c *callCounter) reset() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.total, c.bytesIn, c.bytesOut = 0, 0, 0
	c.methods, c.bytesOf = map[string]int{}, map[string]int64{}
}
