// Custom properties that components set in `style` and the style sheets read.
import "react";

declare module "react" {
  interface CSSProperties {
    "--gap"?: string;
    "--column"?: string;
    "--height"?: string;
  }
}
