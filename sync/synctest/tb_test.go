package synctest_test

import (
	"testing"

	"smd-applet/sync/synctest"
)

var _ synctest.TB = testing.TB(nil)
