import { X } from "lucide-react";
import type { ReactNode } from "react";
import { Button, Dialog, Heading, Modal, ModalOverlay } from "react-aria-components";

import { useDialog } from "../components/FormDialog";

/** A dialog with details, open at `?do=NAME&about=SUBJECT`. */
export function ReportPanel({
  name,
  title,
  children,
}: {
  name: string;
  title: (about: string) => ReactNode;
  children: (about: string) => ReactNode;
}) {
  const dialog = useDialog();
  const about = dialog.about ?? "";
  return (
    <ModalOverlay
      className="overlay"
      isOpen={dialog.name === name}
      onOpenChange={(isOpen) => isOpen || dialog.close()}
      isDismissable
    >
      <Modal className="report-panel">
        <Dialog className="dialog wide stack">
          <div className="row apart panel-title">
            <Heading slot="title" level={2}>
              {title(about)}
            </Heading>
            <Button className="button quiet icon" aria-label="Close" onPress={dialog.close}>
              <X size={18} aria-hidden />
            </Button>
          </div>
          {children(about)}
        </Dialog>
      </Modal>
    </ModalOverlay>
  );
}
