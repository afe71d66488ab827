// The talk between this page in its frame and `/widget.js` on the shop's page. Only the one origin that
// the server has checked is spoken to and listened to.

export class ShopSide {
  /** parent: the shop page's origin, "" when the page stands alone; onOpen() when the panel is shown. */
  constructor(parent, onOpen) {
    this.parent = parent;
    this.open = !parent;
    if (!parent) return;
    addEventListener("message", (event) => {
      if (event.origin !== parent || event.source !== window.parent) return;
      if (event.data?.parley === "opened") {
        this.open = true;
        onOpen();
      }
      if (event.data?.parley === "closed") this.open = false;
    });
    document.getElementById("close").onclick = () => this.tell("close");
    addEventListener("keydown", (event) => {
      if (event.key === "Escape" && !event.isComposing) this.tell("close");
    });
    this.tell("ready");
  }

  /** True if the visitor can see the conversation now. */
  get seen() {
    return this.open && !document.hidden;
  }

  /** Tell the shop's page: "ready", "close" or "unread" with a count. */
  tell(what, value = null) {
    if (this.parent) window.parent.postMessage({ parley: what, value }, this.parent);
  }
}
