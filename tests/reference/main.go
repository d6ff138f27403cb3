// Reference measures what a vCenter costs a program that asks it directly:
// the yardstick beside which the figures of `make bench` stand. It is plain
// govmomi and knows nothing of vPoller.
//
//	reference read -url URL -rounds N -set TYPE=PATH,PATH [-set ...]
//	    the time of one RetrievePropertiesEx of these paths of every object
//	reference push -url URL -vm NAME -count N
//	    the time from a change in the simulator to the update that tells of it
//
// Prints one JSON object. Certificates are not checked.
package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"flag"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/vmware/govmomi"
	"github.com/vmware/govmomi/view"
	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/soap"
	"github.com/vmware/govmomi/vim25/types"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "reference:", err)
		os.Exit(1)
	}
}

// sets is what is read: paths by type.
type sets map[string][]string

func (s sets) String() string { return "" }

// Set implements flag.Value.
func (s sets) Set(text string) error {
	equals := strings.IndexByte(text, '=')
	if equals < 0 {
		return fmt.Errorf("%q: write TYPE=PATH,PATH", text)
	}
	s[text[:equals]] = strings.Split(text[equals+1:], ",")
	return nil
}

func run(args []string) error {
	if len(args) == 0 {
		return fmt.Errorf("say read or push")
	}
	wanted := sets{}
	flags := flag.NewFlagSet("reference "+args[0], flag.ContinueOnError)
	address := flags.String("url", "", "`URL` of the web service")
	user := flags.String("user", "root", "user")
	password := flags.String("password", "p4ssw0rd", "that user's password")
	rounds := flags.Int("rounds", 7, "read so often")
	vm := flags.String("vm", "vm01.example.org", "`NAME` of the virtual machine that is changed")
	count := flags.Int("count", 100, "change so often")
	flags.Var(wanted, "set", "`TYPE=PATH,PATH` to read; may be repeated")
	if err := flags.Parse(args[1:]); err != nil {
		return err
	}
	at, err := soap.ParseURL(*address)
	if err != nil {
		return err
	}
	at.User = url.UserPassword(*user, *password)
	ctx := context.Background()
	client, err := govmomi.NewClient(ctx, at, true)
	if err != nil {
		return err
	}
	defer client.Logout(ctx)
	var result interface{}
	switch args[0] {
	case "read":
		result, err = read(ctx, client, wanted, *rounds)
	case "push":
		result, err = push(ctx, client, at, *vm, *count)
	default:
		err = fmt.Errorf("%q: say read or push", args[0])
	}
	if err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(result)
}

// filter selects the paths of all objects of the types, through a view.
func filter(ctx context.Context, client *govmomi.Client, wanted sets) (types.PropertyFilterSpec, error) {
	var kinds []string
	spec := types.PropertyFilterSpec{}
	for kind, paths := range wanted {
		kinds = append(kinds, kind)
		spec.PropSet = append(spec.PropSet, types.PropertySpec{Type: kind, PathSet: paths})
	}
	container, err := view.NewManager(client.Client).CreateContainerView(ctx, client.ServiceContent.RootFolder, kinds, true)
	if err != nil {
		return spec, err
	}
	skip := true
	spec.ObjectSet = []types.ObjectSpec{{
		Obj:       container.Reference(),
		Skip:      &skip,
		SelectSet: []types.BaseSelectionSpec{&types.TraversalSpec{Type: "ContainerView", Path: "view"}},
	}}
	return spec, nil
}

type reading struct {
	Objects int       `json:"objects"`
	Ms      []float64 `json:"ms"`
}

func read(ctx context.Context, client *govmomi.Client, wanted sets, rounds int) (*reading, error) {
	spec, err := filter(ctx, client, wanted)
	if err != nil {
		return nil, err
	}
	result := &reading{}
	for round := 0; round < rounds; round++ {
		begin := time.Now()
		objects, err := once(ctx, client, spec)
		if err != nil {
			return nil, err
		}
		result.Objects = objects
		result.Ms = append(result.Ms, milliseconds(begin))
	}
	return result, nil
}

// once reads everything, in as many pages as the server makes of it.
func once(ctx context.Context, client *govmomi.Client, spec types.PropertyFilterSpec) (int, error) {
	collector := client.ServiceContent.PropertyCollector
	first, err := methods.RetrievePropertiesEx(ctx, client, &types.RetrievePropertiesEx{
		This: collector, SpecSet: []types.PropertyFilterSpec{spec},
	})
	if err != nil || first.Returnval == nil {
		return 0, err
	}
	objects, token := len(first.Returnval.Objects), first.Returnval.Token
	for token != "" {
		next, err := methods.ContinueRetrievePropertiesEx(ctx, client, &types.ContinueRetrievePropertiesEx{
			This: collector, Token: token,
		})
		if err != nil {
			return 0, err
		}
		objects, token = objects+len(next.Returnval.Objects), next.Returnval.Token
	}
	return objects, nil
}

const watched = "summary.quickStats.overallCpuUsage"

type delays struct {
	Ms []float64 `json:"ms"`
}

func push(ctx context.Context, client *govmomi.Client, at *url.URL, vm string, count int) (*delays, error) {
	spec, err := filter(ctx, client, sets{"VirtualMachine": {watched, "name"}})
	if err != nil {
		return nil, err
	}
	collector := client.ServiceContent.PropertyCollector
	if _, err := methods.CreateFilter(ctx, client, &types.CreateFilter{This: collector, Spec: spec}); err != nil {
		return nil, err
	}
	updates := &feed{client: client, collector: collector}
	object, err := updates.named(ctx, vm)
	if err != nil {
		return nil, err
	}
	result := &delays{}
	for turn := 0; turn < count; turn++ {
		value := int32(100000 + turn) // no host is so fast, so the simulator's own changes are others
		begin := time.Now()
		if err := set(at, vm, value); err != nil {
			return nil, err
		}
		if err := updates.until(ctx, object, value); err != nil {
			return nil, err
		}
		result.Ms = append(result.Ms, milliseconds(begin))
	}
	return result, nil
}

// feed waits for updates, one after the other.
type feed struct {
	client    *govmomi.Client
	collector types.ManagedObjectReference
	version   string
}

func (f *feed) next(ctx context.Context) ([]types.ObjectUpdate, error) {
	seconds := int32(60)
	answer, err := methods.WaitForUpdatesEx(ctx, f.client, &types.WaitForUpdatesEx{
		This: f.collector, Version: f.version, Options: &types.WaitOptions{MaxWaitSeconds: &seconds},
	})
	if err != nil {
		return nil, err
	}
	if answer.Returnval == nil {
		return nil, fmt.Errorf("no update within %d s", seconds)
	}
	f.version = answer.Returnval.Version
	var all []types.ObjectUpdate
	for _, set := range answer.Returnval.FilterSet {
		all = append(all, set.ObjectSet...)
	}
	return all, nil
}

// named takes the first load and finds the object of a name in it.
func (f *feed) named(ctx context.Context, name string) (types.ManagedObjectReference, error) {
	for {
		objects, err := f.next(ctx)
		if err != nil {
			return types.ManagedObjectReference{}, err
		}
		for _, object := range objects {
			for _, change := range object.ChangeSet {
				if change.Name == "name" && change.Val == name {
					return object.Obj, nil
				}
			}
		}
	}
}

func (f *feed) until(ctx context.Context, object types.ManagedObjectReference, value int32) error {
	for {
		objects, err := f.next(ctx)
		if err != nil {
			return err
		}
		for _, update := range objects {
			for _, change := range update.ChangeSet {
				if update.Obj == object && change.Name == watched && change.Val == value {
					return nil
				}
			}
		}
	}
}

// set changes the property through the simulator's own page.
func set(at *url.URL, vm string, value int32) error {
	body, err := json.Marshal(map[string]interface{}{
		"type": "VirtualMachine", "name": vm, "path": watched, "value": value,
	})
	if err != nil {
		return err
	}
	answer, err := direct.Post("https://"+at.Host+"/set", "application/json", bytes.NewReader(body))
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return fmt.Errorf("/set: %s", answer.Status)
	}
	return nil
}

var direct = &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}}

func milliseconds(since time.Time) float64 {
	return float64(time.Since(since).Microseconds()) / 1000
}
