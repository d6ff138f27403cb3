package main

import (
	"encoding/json"
	"errors"
	"math/rand"
	"sync"
	"time"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/types"
)

// churner changes properties of filler VMs: at a steady rate, or of all of
// them at once.
type churner struct {
	world   *world
	fillers []*simulator.VirtualMachine

	mu   sync.Mutex
	done chan struct{} // of the loops that run now
}

// pace is how things change; it is also the body of POST /churn.
type pace struct {
	// Rate is property updates per second over all filler VMs.
	Rate float64 `json:"rate"`
	// Together is the seconds between two moments at which the CPU usage of
	// every filler VM changes.
	Together float64 `json:"together"`
}

// powerFlipEvery is how many changes there are per change of a power state.
const powerFlipEvery = 20

func newChurner(w *world, s *site) *churner {
	return &churner{world: w, fillers: s.fillers, done: make(chan struct{})}
}

// set changes the pace; nothing changes where it is 0.
func (c *churner) set(p pace) {
	c.mu.Lock()
	defer c.mu.Unlock()
	close(c.done)
	c.done = make(chan struct{})
	if p.Rate > 0 && len(c.fillers) > 0 {
		go c.steadily(p.Rate, c.done)
	}
	if p.Together > 0 {
		go c.together(time.Duration(p.Together*float64(time.Second)), c.done)
	}
}

// setFrom is set, for the endpoint.
func (c *churner) setFrom(body []byte) (interface{}, error) {
	var p pace
	if err := json.Unmarshal(body, &p); err != nil {
		return nil, err
	}
	if p.Rate < 0 || p.Together < 0 {
		return nil, errors.New("rate and together must not be negative")
	}
	c.set(p)
	return done, nil
}

// steadily catches up with the clock every 20 ms, so that high rates are
// reached without a timer per change.
func (c *churner) steadily(rate float64, done <-chan struct{}) {
	random := rand.New(rand.NewSource(1))
	ticker := time.NewTicker(20 * time.Millisecond)
	defer ticker.Stop()
	begin, made := time.Now(), 0
	for {
		select {
		case <-done:
			return
		case now := <-ticker.C:
			for due := int(now.Sub(begin).Seconds() * rate); made < due; made++ {
				vm := c.fillers[random.Intn(len(c.fillers))]
				if made%powerFlipEvery == powerFlipEvery-1 {
					flipPower(c.world, vm)
				} else {
					c.changeUsage(vm, random)
				}
			}
		}
	}
}

// together is what vCenter does with the statistics of all VMs.
func (c *churner) together(every time.Duration, done <-chan struct{}) {
	random := rand.New(rand.NewSource(2))
	ticker := time.NewTicker(every)
	defer ticker.Stop()
	for {
		select {
		case <-done:
			return
		case <-ticker.C:
			for _, vm := range c.fillers {
				c.changeUsage(vm, random)
			}
		}
	}
}

func (c *churner) changeUsage(vm *simulator.VirtualMachine, random *rand.Rand) {
	usage := int32(1 + random.Intn(int(hostMHz)))
	_ = c.world.update(vm, change("summary.quickStats.overallCpuUsage", usage)) // the path exists
}

// flipPower switches a VM off or on again.
func flipPower(w *world, vm *simulator.VirtualMachine) {
	ctx := newContext(w.reg)
	withLock(ctx, vm, func() {
		state := types.VirtualMachinePowerStatePoweredOff
		if vm.Runtime.PowerState == state {
			state = types.VirtualMachinePowerStatePoweredOn
		}
		_ = w.assign(ctx, vm, // the paths exist
			change("runtime.powerState", state),
			change("summary.runtime.powerState", state))
	})
}
