//go:build linux

package main

import (
	"slices"
	"time"
)

// clock keeps account of what the bench spends its time on: making mailboxes,
// comparing them and starting programs included.
type clock struct {
	since     time.Time
	scenario  string
	who       string
	spent     map[string]map[string]time.Duration // by scenario and who
	scenarios []string                            // in order
}

// begin says that a scenario begins.
func (c *clock) begin(scenario string) {
	c.turn("")
	c.scenario = scenario
	if c.spent == nil {
		c.spent = make(map[string]map[string]time.Duration)
	}
	if c.spent[scenario] == nil {
		c.spent[scenario] = make(map[string]time.Duration)
		c.scenarios = append(c.scenarios, scenario)
	}
}

// turn says whose the time is from now on; "" stands for nobody's.
func (c *clock) turn(who string) {
	now := time.Now()
	if c.scenario != "" {
		c.spent[c.scenario][c.who] += now.Sub(c.since)
	}
	c.since, c.who = now, who
}

// spending tells of the time that the run took itself.
func (s *stage) spending() {
	s.clock.turn("")
	var names []string
	for _, p := range s.peers() {
		if slices.ContainsFunc(s.clock.scenarios, func(scenario string) bool { return s.clock.spent[scenario][p.name()] > 0 }) {
			names = append(names, p.name())
		}
	}
	t := &table{slug: "spending", rank: last, title: "What this run took its time for"}
	t.note = "From one scenario's begin to the next: making, comparing and removing mailboxes included."
	t.head = slices.Concat([]string{"scenario"}, names, []string{"else", "together"})
	for _, scenario := range s.clock.scenarios {
		row, sum := []string{scenario}, time.Duration(0)
		for _, who := range append(slices.Clone(names), "") {
			spent := s.clock.spent[scenario][who]
			sum += spent
			cell := ""
			if spent >= time.Second/2 {
				cell = spent.Round(time.Second).String()
			}
			row = append(row, cell)
		}
		t.add(append(row, sum.Round(time.Second).String())...)
	}
	s.show(t)
}
