package notify

import (
	"testing"
	"testing/synctest"
	"time"
)

// A notice is shown at once, again in the place of the one of its name, and its
// buttons do what they say.
func TestNotices(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := &wall{}
		notices := make(chan Notice)
		_, end := running(t, Options{Sender: w, Notices: notices})
		pressed := ""
		choices := []Choice{{"One", func() { pressed += "one " }}, {"Two", func() { pressed += "two " }}}
		notices <- Notice{Name: "status", Title: "Mail is in sync", Choices: choices}
		notices <- Notice{Name: "status", Title: "Syncing mail", Choices: choices}
		notices <- Notice{Name: "about", Title: "smd-applet"}
		synctest.Wait()
		w.expect(t, "show 1 instead of 0: Mail is in sync", "show 1 instead of 1: Syncing mail", "show 2 instead of 0: smd-applet")
		notices <- Notice{Name: "status", Title: "Syncing mail", Choices: choices}
		synctest.Wait()
		w.expect(t, "show 1 instead of 1: Syncing mail")
		w.last.Pressed("1")
		w.last.Pressed("2")
		synctest.Wait()
		if pressed != "two " {
			t.Errorf("pressed %q", pressed)
		}
		notices <- Notice{Name: "status"}
		notices <- Notice{Name: "status"}
		passes(time.Second)
		w.expect(t, "withdraw 1")
		end()
		w.expect(t, "withdraw 2")
	})
}
