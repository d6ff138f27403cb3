package main

import (
	"bytes"
	"encoding/xml"
	"sort"
	"sync"
)

// askedFor collects what calls ask for: properties as Type.path, other calls
// as Type@Method. It does nothing until a test wants it.
var askedFor askedList

type askedList struct {
	mu    sync.Mutex
	names map[string]bool // nil while no test collects them
}

// start forgets what was collected and collects from now on.
func (a *askedList) start() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.names = map[string]bool{}
}

func (a *askedList) report() []string {
	a.mu.Lock()
	defer a.mu.Unlock()
	names := make([]string, 0, len(a.names))
	for name := range a.names {
		names = append(names, name)
	}
	sort.Strings(names)
	return names
}

// note adds what a call asks for.
func (a *askedList) note(method string, body []byte) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.names == nil {
		return
	}
	this, properties := parts(body)
	if len(properties) == 0 || method == "CreateFilter" {
		a.names[this+"@"+method] = true
	}
	for _, property := range properties {
		a.names[property] = true
	}
}

// parts gives the type of the object that a call is made on, and the
// properties that its specification names.
func parts(body []byte) (this string, properties []string) {
	decoder := xml.NewDecoder(bytes.NewReader(body))
	var parents []string
	var kind string
	var text bytes.Buffer
	for {
		token, err := decoder.Token()
		if err != nil {
			return this, properties
		}
		switch token := token.(type) {
		case xml.StartElement:
			text.Reset()
			parents = append(parents, token.Name.Local)
			for _, attribute := range token.Attr {
				if token.Name.Local == "_this" && attribute.Name.Local == "type" {
					this = attribute.Value
				}
			}
		case xml.CharData:
			text.Write(token)
		case xml.EndElement:
			parents = parents[:len(parents)-1]
			if len(parents) == 0 || parents[len(parents)-1] != "propSet" {
				continue
			}
			switch token.Name.Local {
			case "type":
				kind = text.String()
			case "pathSet":
				properties = append(properties, kind+"."+text.String())
			}
		}
	}
}
