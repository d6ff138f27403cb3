package main

import (
	"math/rand"
	"time"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/types"
)

// churner changes properties of filler VMs at a steady rate.
type churner struct {
	done chan struct{}
}

// powerFlipEvery is how many changes there are per change of a power state.
const powerFlipEvery = 20

// startChurn starts changing; rate is property updates per second over all
// filler VMs, 0 means none.
func startChurn(w *world, s *site, rate float64) *churner {
	c := &churner{done: make(chan struct{})}
	if rate > 0 && len(s.fillers) > 0 {
		go c.loop(w, s.fillers, rate)
	}
	return c
}

func (c *churner) stop() { close(c.done) }

// loop catches up with the clock every 20 ms, so that high rates are reached
// without a timer per change.
func (c *churner) loop(w *world, fillers []*simulator.VirtualMachine, rate float64) {
	random := rand.New(rand.NewSource(1))
	ticker := time.NewTicker(20 * time.Millisecond)
	defer ticker.Stop()
	begin, made := time.Now(), 0
	for {
		select {
		case <-c.done:
			return
		case now := <-ticker.C:
			for due := int(now.Sub(begin).Seconds() * rate); made < due; made++ {
				vm := fillers[random.Intn(len(fillers))]
				if made%powerFlipEvery == powerFlipEvery-1 {
					flipPower(w, vm)
				} else {
					usage := int32(1 + random.Intn(int(hostMHz)))
					_ = w.update(vm, change("summary.quickStats.overallCpuUsage", usage)) // the path exists
				}
			}
		}
	}
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
