// Do something now and every so often, one after the other, and never in a page that nobody sees.
export function repeat(work, seconds, fail) {
  let timer = null;
  let isOver = false;
  let hasFailed = false;
  const turn = async () => {
    try {
      if (!document.hidden) await work();
      hasFailed = false;
    } catch (error) {
      // Said once: a studio that was ended would say it every second.
      if (!hasFailed && !isOver) fail(error);
      hasFailed = true;
    }
    if (!isOver) timer = setTimeout(turn, 1000 * seconds);
  };
  turn();
  return () => {
    isOver = true;
    clearTimeout(timer);
  };
}
