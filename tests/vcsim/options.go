package main

import (
	"errors"
	"flag"
	"fmt"
	"math"
	"os"
	"time"
)

// options is the command line.
type options struct {
	listen           string
	tlsCert, tlsKey  string
	caFile           string
	username         string
	password         string
	fixtures         string
	esx              bool
	size             scale
	churn            pace
	delay            time.Duration
	guestDelay       time.Duration
	apiVersion       string
	instanceUUID     string
	sampleClock      time.Time
	maxQueryMetrics  int
	firstEventKey    int64
	quotedCookie     bool
	libraryUpdates   bool
	strictPaths      bool
	oversized        oversized
	versionsPage     versionsState
	sparseCapacity   string
	diskDevices      int
	unsetRemoved     bool
	missingPrivs     bool
	exitOnStdinClose bool
	verbose          bool
}

// documents tells whether the inventory of the documents is wanted, odd things
// beside it or not.
func (o *options) documents() bool { return o.fixtures == "documents" || o.odd() }

// odd tells whether there is to be what real estates hold besides.
func (o *options) odd() bool { return o.fixtures == "odd" }

// parseOptions reads the flags. -h and -version end the program here.
func parseOptions(args []string) (*options, error) {
	opts := &options{}
	var delay, guestDelay int
	var clock, oversizedQuery, versionsPage string
	var version bool
	flags := flag.NewFlagSet("vcsim", flag.ContinueOnError)
	flags.StringVar(&opts.listen, "l", "127.0.0.1:0", "listen on `ADDR` (HOST:PORT, port 0 picks one)")
	flags.StringVar(&opts.tlsCert, "tlscert", "", "certificate `FILE` (PEM); without it one is made up")
	flags.StringVar(&opts.tlsKey, "tlskey", "", "private key `FILE` (PEM)")
	flags.StringVar(&opts.caFile, "write-ca", "", "write the made-up certificate authority to `FILE` (PEM)")
	flags.StringVar(&opts.username, "username", "root", "the only `USER` that may log in")
	flags.StringVar(&opts.password, "password", "p4ssw0rd", "that user's `PASSWORD`")
	flags.StringVar(&opts.fixtures, "fixtures", "documents", "inventory: documents, odd (more than the documents) or none")
	flags.BoolVar(&opts.esx, "esx", false, "be a standalone ESXi host")
	flags.IntVar(&opts.size.fillers, "vm", 0, "add `N` filler VMs")
	flags.IntVar(&opts.size.hosts, "host", 0, "add `N` hosts to cluster01")
	flags.IntVar(&opts.size.clusters, "cluster", 0, "add `N` clusters of one host to datacenter01")
	flags.IntVar(&opts.size.datacenters, "dc", 0, "add `N` datacenters of one host")
	flags.Float64Var(&opts.churn.Rate, "churn", 0, "change `RATE` properties of filler VMs per second")
	flags.Float64Var(&opts.churn.Together, "churn-together", 0, "change the CPU usage of all filler VMs every `SECONDS`")
	flags.IntVar(&delay, "delay", 0, "answer every call `MS` milliseconds late")
	flags.IntVar(&guestDelay, "guest-delay", 0, "answer guest process lists `MS` milliseconds late")
	flags.StringVar(&opts.apiVersion, "api-version", "", "advertise API `VERSION`")
	flags.StringVar(&opts.instanceUUID, "instance-uuid", "", "identify as vCenter `UUID`; derived from the address unless given")
	flags.StringVar(&clock, "sample-clock", "", "fixed server `TIME` (RFC 3339), for samples and CurrentTime")
	flags.IntVar(&opts.maxQueryMetrics, "max-query-metrics", 0,
		"refuse historical queries of more than `N` metrics (0: no limit)")
	flags.Int64Var(&opts.firstEventKey, "first-event-key", 1001, "`KEY` of the oldest event; after 2147483647 comes -2147483648")
	flags.BoolVar(&opts.quotedCookie, "quoted-cookie", false, "send the session cookie's value in double quotes")
	flags.BoolVar(&opts.libraryUpdates, "library-updates", libraryUpdates,
		"let the library answer WaitForUpdatesEx, not this program")
	flags.StringVar(&oversizedQuery, "oversized-query", "fault", "what answers a query of too many metrics: fault or 500")
	flags.StringVar(&versionsPage, "versions-page", "", "HTTP `STATUS` of vimServiceVersions.xml, or hang")
	flags.StringVar(&opts.sparseCapacity, "sparse-capacity", "",
		"sample capacity counters every 30 minutes; what lies between is `lost` (-1) or absent")
	flags.IntVar(&opts.diskDevices, "disk-devices", 0, "give each VM statistics of `N` disk devices of its host")
	flags.BoolVar(&opts.unsetRemoved, "unset-removed", false, "let unset first values of an object come as indirectRemove")
	flags.BoolVar(&opts.strictPaths, "strict-paths", true, "take property paths along declared types only, as a vCenter does")
	flags.BoolVar(&opts.missingPrivs, "missing-privileges", false,
		"name missing privileges in NoPermission, as from API version 8.0.1.0 on")
	flags.BoolVar(&opts.exitOnStdinClose, "exit-on-stdin-close", false, "end when standard input is closed")
	flags.BoolVar(&opts.verbose, "v", false, "log to standard error what the library does")
	flags.BoolVar(&version, "version", false, "print the build and exit")
	if err := flags.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			os.Exit(0)
		}
		os.Exit(2) // the flag package has said why
	}
	if version {
		fmt.Println("vcsim", bedName)
		os.Exit(0)
	}
	if flags.NArg() != 0 {
		return nil, fmt.Errorf("unexpected argument %q", flags.Arg(0))
	}
	if !opts.documents() && opts.fixtures != "none" {
		return nil, fmt.Errorf("-fixtures %q: write documents, odd or none", opts.fixtures)
	}
	if (opts.tlsCert == "") != (opts.tlsKey == "") {
		return nil, errors.New("-tlscert and -tlskey belong together")
	}
	if delay < 0 || guestDelay < 0 || opts.churn.Rate < 0 || opts.churn.Together < 0 || opts.size.fillers < 0 ||
		opts.size.hosts < 0 || opts.size.clusters < 0 || opts.size.datacenters < 0 || opts.diskDevices < 0 {
		return nil, errors.New("numbers must not be negative")
	}
	if opts.firstEventKey < math.MinInt32 || opts.firstEventKey > math.MaxInt32 {
		return nil, errors.New("-first-event-key is a signed 32-bit number")
	}
	var err error
	if opts.oversized, err = newOversized(oversizedQuery, opts.maxQueryMetrics); err != nil {
		return nil, err
	}
	if opts.versionsPage, err = parseVersions(versionsPage); err != nil {
		return nil, err
	}
	opts.delay = time.Duration(delay) * time.Millisecond
	opts.guestDelay = time.Duration(guestDelay) * time.Millisecond
	if clock != "" {
		at, err := time.Parse(time.RFC3339, clock)
		if err != nil {
			return nil, fmt.Errorf("-sample-clock: %w", err)
		}
		opts.sampleClock = at.UTC()
	}
	return opts, nil
}
