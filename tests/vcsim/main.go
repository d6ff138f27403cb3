// Vcsim is the vCenter Server (or ESXi host) of this repository's tests: the
// simulator library of govmomi with an inventory of known names, the answers
// the library lacks, and switches to change things from outside.
//
// See README.md in this folder for flags and endpoints.
package main

import (
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net"
	"net/url"
	"os"
	"os/signal"
	"syscall"

	"github.com/vmware/govmomi/simulator"
)

func main() {
	opts, err := parseOptions(os.Args[1:])
	if err != nil {
		fmt.Fprintln(os.Stderr, "vcsim:", err)
		os.Exit(2)
	}
	if err := run(opts); err != nil {
		fmt.Fprintln(os.Stderr, "vcsim:", err)
		os.Exit(1)
	}
}

// run serves until a signal arrives or the starter goes away.
func run(opts *options) error {
	if !opts.verbose {
		log.SetOutput(io.Discard) // the library logs every update it sends
	}
	identity, err := loadIdentity(opts)
	if err != nil {
		return err
	}
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, syscall.SIGTERM, syscall.SIGINT)
	gone := make(chan struct{})
	if opts.exitOnStdinClose {
		go func() {
			_, _ = io.Copy(io.Discard, os.Stdin)
			close(gone)
		}()
	}

	model := newModel(opts)
	if err := model.Create(); err != nil {
		return fmt.Errorf("create the model: %w", err)
	}
	w := newWorld(model, opts)
	places, err := populate(w, model, opts)
	if err != nil {
		return err
	}
	model.Service.Listen = &url.URL{
		Host: opts.listen,
		User: simulator.DefaultLogin, // any account; the front knows which are right
	}
	accounts.set(opts.username, account{password: opts.password})
	model.Service.TLS = identity
	server, err := listen(model.Service, opts.listen)
	if err != nil {
		return err
	}
	w.identify(opts.instanceUUID, server.URL.Host)
	churn := newChurner(w, places)
	front := newFront(w, places, churn, server.Config.Handler, opts)
	server.Config.Handler = front
	churn.set(opts.churn)
	defer churn.set(pace{})

	if err := printReady(server.URL); err != nil {
		return err
	}
	select {
	case <-stop:
	case <-gone:
	}
	return nil
}

// listen starts the server. The library panics when it cannot listen.
func listen(service *simulator.Service, address string) (server *simulator.Server, err error) {
	defer func() {
		if cause := recover(); cause != nil {
			err = fmt.Errorf("listen on %s: %v", address, cause)
		}
	}()
	if _, _, err := net.SplitHostPort(address); err != nil {
		return nil, fmt.Errorf("listen on %q: write HOST:PORT", address)
	}
	return service.NewServer(), nil
}

// printReady prints the one line a starter waits for.
func printReady(at *url.URL) error {
	plain := *at
	plain.User = nil
	line, err := json.Marshal(struct {
		URL     string `json:"url"`
		Address string `json:"address"`
		Pid     int    `json:"pid"`
	}{plain.String(), plain.Host, os.Getpid()})
	if err != nil {
		return err
	}
	_, err = fmt.Println(string(line))
	return err
}
