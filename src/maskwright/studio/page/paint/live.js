// Requests that follow a person who paints: one is under way, and the newest waits.
import { isOutdated } from "../api.js";

// After this many milliseconds an answer that is no longer wanted is given up.
const PATIENCE = 400;

export class Live {
  constructor(send, receive, fail) {
    this.send = send; // (wanted, signal) -> promise
    this.receive = receive; // (answer, wanted)
    this.fail = fail;
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
    try {
      const answer = await this.send(wanted, control.signal);
      if (!control.signal.aborted) this.receive(answer, wanted);
    } catch (error) {
      if (!isOutdated(error)) this.fail(error);
    }
    this.under = null;
    const next = this.next;
    this.next = null;
    if (next !== null) this.start(next);
  }
}
