package sync

import (
	"testing"

	"smd-applet/sync/fault"
)

func TestOverall(t *testing.T) {
	t.Parallel()
	idle := EndpointState{Progress: Progress{Phase: PhaseIdle}}
	with := func(change func(*EndpointState)) EndpointState {
		s := idle
		change(&s)
		return s
	}
	connecting := with(func(s *EndpointState) { s.Progress.Phase = PhaseConnecting })
	paused := with(func(s *EndpointState) { s.Paused = true })
	cut := with(func(s *EndpointState) { s.LastError = &fault.Error{Kind: fault.Network} })
	cutLong := with(func(s *EndpointState) {
		s.LastError = &fault.Error{Kind: fault.Network}
		s.Problem = &Problem{Err: s.LastError}
	})
	reconnecting := with(func(s *EndpointState) {
		s.LastError = cut.LastError
		s.Progress.Phase = PhaseConnecting
	})
	reconnected := with(func(s *EndpointState) {
		s.LastError = cut.LastError
		s.Progress.Phase = PhaseComparing
	})
	held := with(func(s *EndpointState) { s.Problem = &Problem{Err: &fault.Error{Kind: fault.Held}} })
	heldAndCut := with(func(s *EndpointState) {
		s.Problem = held.Problem
		s.LastError = cut.LastError
	})
	onceLocked := with(func(s *EndpointState) { s.LastError = &fault.Error{Kind: fault.Locked} })
	pausedCut := with(func(s *EndpointState) {
		s.LastError = cut.LastError
		s.Paused = true
	})
	pausedWorking := with(func(s *EndpointState) {
		s.Progress.Phase = PhaseTransferring
		s.Paused = true
	})

	for name, c := range map[string]struct {
		setup     *fault.Error
		endpoints []EndpointState
		want      Overall
	}{
		"nothing configured":                 {want: Idle},
		"setup wrong":                        {setup: &fault.Error{Kind: fault.Config}, want: Attention},
		"setup wrong while working":          {setup: &fault.Error{Kind: fault.Config}, endpoints: []EndpointState{connecting}, want: Attention},
		"idle":                               {endpoints: []EndpointState{idle, idle}, want: Idle},
		"first connection":                   {endpoints: []EndpointState{idle, connecting}, want: Syncing},
		"some paused":                        {endpoints: []EndpointState{paused, idle}, want: Idle},
		"all paused":                         {endpoints: []EndpointState{paused, paused}, want: Paused},
		"explicit run while all paused":      {endpoints: []EndpointState{paused, pausedWorking}, want: Syncing},
		"network cut":                        {endpoints: []EndpointState{idle, cut}, want: Offline},
		"network cut for long":               {endpoints: []EndpointState{idle, cutLong}, want: Offline},
		"trying to connect again":            {endpoints: []EndpointState{idle, reconnecting}, want: Offline},
		"connected again":                    {endpoints: []EndpointState{idle, reconnected}, want: Syncing},
		"one works while another is cut":     {endpoints: []EndpointState{connecting, cut}, want: Syncing},
		"paused after the network was cut":   {endpoints: []EndpointState{pausedCut}, want: Paused},
		"one paused, another cut":            {endpoints: []EndpointState{paused, cut}, want: Offline},
		"held":                               {endpoints: []EndpointState{connecting, held}, want: Attention},
		"held, and cut":                      {endpoints: []EndpointState{heldAndCut}, want: Attention},
		"a failure nobody is told of (yet)":  {endpoints: []EndpointState{onceLocked}, want: Idle},
		"a problem outweighs pause and cut":  {endpoints: []EndpointState{paused, cut, held}, want: Attention},
		"working, others paused and offline": {endpoints: []EndpointState{paused, cut, connecting}, want: Syncing},
	} {
		if got := overall(State{Setup: c.setup, Endpoints: c.endpoints}); got != c.want {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
	}
}
