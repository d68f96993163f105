// Requests that follow a person who paints: one is under way, and the newest waits.
import { isOutdated } from "../api.js";

// After this many milliseconds an answer that is no longer wanted is given up.
const PATIENCE = 400;
// Before this many milliseconds nobody wants to see that something is under way.
const SOON = 250;

export class Live {
  // busy(true) is called when an answer takes long, busy(false) when it is there.
  constructor(send, receive, fail, busy = () => {}) {
    this.send = send; // (wanted, signal) -> promise
    this.receive = receive; // (answer, wanted)
    this.fail = fail;
    this.busy = busy;
    this.under = null;
    this.next = null;
  }

  // Ask for something; what was asked before and is not yet sent is forgotten.
  ask(wanted) {
    if (!this.under) {
      this.start(wanted);
      return;
    }
    this.next = wanted;
    // The server drops what still waits there; what it has begun is soon done.
    if (performance.now() - this.began > PATIENCE) this.under.abort();
  }

  stop() {
    this.next = null;
    this.under?.abort();
  }

  async start(wanted) {
    const control = new AbortController();
    this.under = control;
    this.began = performance.now();
    this.slow ??= setTimeout(() => this.busy(true), SOON);
    try {
      const answer = await this.send(wanted, control.signal);
      if (!control.signal.aborted) this.receive(answer, wanted);
    } catch (error) {
      if (!isOutdated(error)) this.fail(error);
    }
    this.under = null;
    const next = this.next;
    this.next = null;
    if (next !== null) {
      this.start(next);
      return;
    }
    clearTimeout(this.slow);
    this.slow = null;
    this.busy(false);
  }
}
